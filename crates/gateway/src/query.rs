//! Requests of the query protocol: the operation stands in the body, and the signature covers it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use strongroom_access::{Answer, Question};
use strongroom_crypto::Sha256;
use strongroom_sigv4::{Claim, RequestView, anonymous_body};
use strongroom_wire::{
    ActionForm, ActionTable, Addressing, ErrorResponse, PathShape, Payload, RequestHead, Target,
};

use crate::authentication::refuse;
use crate::body::{BodyLength, IncomingPayload, collect};
use crate::budget::{Lender, Purpose};
use crate::pipeline::Journey;
use crate::{Gateway, Service, failures, intake};

/// A signed request to a service of the query protocol.
pub(crate) struct QueryRequest<'a> {
    pub(crate) head: &'a Arc<RequestHead>,
    pub(crate) view: &'a RequestView<'a>,
    pub(crate) claim: Claim<'a>,
    pub(crate) actions: &'a ActionTable,
}

impl Gateway {
    /// The way of a request whose operation is known only when its body is.
    pub(crate) async fn travel_by_action(
        &self,
        journey: &mut Journey,
        service: &Service,
        request: QueryRequest<'_>,
    ) -> Answer {
        let QueryRequest { head, view, claim, actions } = request;
        ActionForm::check_head(head).map_err(|error| error.query())?;
        let body = async {
            let body = self.read_form(journey, head, view).await?;
            let mut digest = Sha256::new();
            digest.update(&body);
            Ok((body, digest.finish()))
        };
        let authenticated = self.authenticate_action(claim, service, body).await;
        let (caller, body) = authenticated.map_err(in_terms_of_query)?;
        journey.caller = caller.clone();
        let form = ActionForm::bytes_of(head, &body).map_err(|error| error.query())?;
        let operation = {
            let form = ActionForm::parse(&form).map_err(|error| error.query())?;
            actions.route(&form)?
        };
        let endpoint = service.endpoints.get(operation.0).ok_or_else(failures::unavailable)?;
        let target = Arc::new(Target {
            bucket: None,
            object_key: None,
            addressing: Addressing::Path,
            shape: PathShape::Service,
        });
        journey.aim(endpoint.name(), &target, head);
        let call = endpoint.decode(head, &target, Some(&form))?;
        drop::<Cow<'_, [u8]>>(form);
        drop::<Bytes>(body);
        let (head, facts) = (Arc::clone(head), Arc::clone(&journey.facts));
        let question = Question { head, target, facts };
        let audit = journey.open();
        let permitted = call.permit(&self.enforcement, &caller, question, &audit).await?;
        permitted.run(Payload::empty()).await
    }

    /// Reads the form whole. It is short, and who sends it too slowly or takes too much memory is
    /// refused as with every other document.
    async fn read_form(
        &self,
        journey: &mut Journey,
        head: &RequestHead,
        view: &RequestView<'_>,
    ) -> Result<Bytes, ErrorResponse> {
        let lender = Lender { budget: &self.budget, client: &journey.connection.memory };
        // SECURITY: nobody is known yet: strangers take nothing of what documents may have.
        journey.loan = lender.lend(Purpose::Stream, FORM_HELD_BYTES).await?;
        // What the body declares of itself is checked here; that it was signed, behind it.
        let decoder = anonymous_body(view).map_err(refuse)?;
        if decoder.payload_mode().is_streaming() {
            return Err(failures::invalid("this operation takes no streaming payload"));
        }
        let declared = intake::content_length(head, false)?;
        if declared.is_some_and(|bytes| bytes > FORM_BYTES_MAX) {
            return Err(too_large());
        }
        let length = BodyLength { declared, bytes_max: FORM_BYTES_MAX, pace: self.pace() };
        let source = IncomingPayload::new(&journey.leftover, decoder, length, Vec::new());
        collect(&mut Payload::new(source), declared).await.map_err(|error| {
            match error.code.as_ref() {
                "MaxMessageLengthExceeded" => too_large(),
                _ => error,
            }
        })
    }
}

fn too_large() -> ErrorResponse {
    let status = StatusCode::PAYLOAD_TOO_LARGE.as_u16();
    ErrorResponse::new("RequestEntityTooLarge", status, "the request is too large")
}

/// Refusals of a signature as IAM and STS word them. SPEC: access-control, 6.
fn in_terms_of_query(refusal: ErrorResponse) -> ErrorResponse {
    let (code, status) = match refusal.code.as_ref() {
        "InvalidAccessKeyId" | "InvalidToken" => {
            let message = "the security token included in the request is invalid";
            return ErrorResponse::new("InvalidClientTokenId", 403, message);
        }
        "ExpiredToken" => ("ExpiredToken", 403),
        "RequestTimeTooSkewed" => ("SignatureDoesNotMatch", 403),
        "AuthorizationHeaderMalformed" | "AuthorizationQueryParametersError" => {
            ("IncompleteSignature", 400)
        }
        "XAmzContentSHA256Mismatch" => ("SignatureDoesNotMatch", 403),
        _ => return refusal,
    };
    ErrorResponse { code: code.into(), status, ..refusal }
}

/// Longest form: a policy of 131,072 characters, each sent as three.
const FORM_BYTES_MAX: u64 = 512 * 1024;
/// The form, the tree that it is read into, and the input.
const FORM_HELD_BYTES: u64 = 3 * FORM_BYTES_MAX;
