//! What pages of other origins may do: preflights, and the headers of all other answers.
//!
//! SPEC: access-control, 4.8. Rules allow nothing; they tell a browser what a page may see.

use http::{Method, header};
use strongroom_access::Answer;
use strongroom_wire::{CorsAnswer, CorsRequest, Preflight, RequestHead, Target, parse_target};

use crate::pipeline::Journey;
use crate::{Gateway, failures};

impl Gateway {
    /// Answers a preflight, before anything is known of who asks.
    pub(crate) async fn preflight(
        &self,
        journey: &mut Journey,
        head: &RequestHead,
        target: &Target,
    ) -> Answer {
        // SECURITY: it reads nothing of anybody's, and strangers could fill the journal with it.
        journey.is_preflight = true;
        let preflight = Preflight::parse(head, target).map_err(|error| error.s3())?;
        let rules = match &target.bucket {
            Some(bucket) => self.cross_origin.cors_rules(bucket).await,
            None => Ok(None),
        };
        let rules = rules.map_err(|_| failures::unavailable())?;
        preflight.answer(rules.as_ref()).map_err(|error| error.s3())
    }

    /// The headers that the answer gets, whatever it is; found before the request is judged, so
    /// that a page can read why it was refused.
    ///
    /// Without rules, or where they cannot be read, a browser shows the page nothing.
    pub(crate) async fn cross_origin(&self, head: &RequestHead) -> Option<CorsAnswer> {
        if !head.headers.contains_key(header::ORIGIN) || head.method == Method::OPTIONS {
            return None;
        }
        let request = CorsRequest::of(head)?;
        let bucket = parse_target(head, &self.hosts).ok()?.bucket?;
        self.cross_origin.cors_rules(&bucket).await.ok()??.answer(&request)
    }
}
