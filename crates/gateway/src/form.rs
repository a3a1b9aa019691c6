//! Form uploads: `PutObject`, with its head in the fields of a form and its body in the file.
//!
//! SPEC: access-control, 5.5. The fields are read first, within their limit; then the signature of
//! the policy, the policy and the permit are judged as for every other request; only then the file
//! is read, by the service that stores it.

use std::sync::Arc;

use bytes::Bytes;
use strongroom_access::{Answer, Caller, FormPolicy, FormQuestion, LengthRange, Question};
use strongroom_sigv4::{
    AuthError, FormClaim, RequestClaim, RequestView, anonymous_body, parse_form_claim,
};
use strongroom_wire::{
    BoxFuture, ErrorResponse, FormAnswer, FormError, FormEvent, FormFields, FormParser, Payload,
    PayloadError, PayloadSource, RequestHead, Target,
};

use crate::authentication::refuse;
use crate::budget::Lender;
use crate::intake::RawBody;
use crate::pipeline::Journey;
use crate::{Gateway, Service, failures, intake};

/// A form as it came, without its body.
pub(crate) struct FormRequest<'a> {
    pub(crate) head: &'a Arc<RequestHead>,
    pub(crate) view: &'a RequestView<'a>,
    pub(crate) target: &'a Arc<Target>,
    pub(crate) claim: Option<RequestClaim<'a>>,
}

impl Gateway {
    /// The way of a form, from its fields to the operation that stores its file.
    pub(crate) async fn travel_by_form(
        &self,
        journey: &mut Journey,
        service: &Service,
        form: FormRequest<'_>,
    ) -> Answer {
        journey.aim(POST_OBJECT, form.target, form.head);
        check_head(&form)?;
        let mut endpoints = service.endpoints.iter();
        let endpoint = endpoints.find(|endpoint| endpoint.name() == PUT_OBJECT);
        let endpoint = endpoint.ok_or_else(failures::unavailable)?;
        let bucket = form.target.bucket.as_ref().ok_or_else(failures::unavailable)?;
        let parser = FormParser::new(&form.head.headers).map_err(|error| error.s3())?;
        let lender = Lender { budget: &self.budget, client: &journey.connection.memory };
        let decoder = anonymous_body(form.view).map_err(refuse)?;
        let body = RawBody { leftover: &journey.leftover, decoder, lender, pace: self.pace() };
        let (body, loan) = intake::form_body(endpoint.as_ref(), form.head, body).await?;
        journey.loan = loan;
        let mut file = FormFile::new(body, parser);
        let fields = file.fields().await?;
        let texts: Vec<_> = fields.iter().collect();
        let claim = parse_form_claim(&texts).map_err(refuse)?;
        let judged = claim.as_ref().map(|claim| (claim.policy(), claim.signature_version()));
        let caller = self.caller_of_form(claim, service).await?;
        journey.caller = caller.clone();
        let facts = Arc::clone(&journey.facts);
        // Strangers learn nothing of what is wrong with their form.
        let asked = Question {
            head: Arc::clone(form.head),
            target: Arc::clone(form.target),
            facts: Arc::clone(&facts),
        };
        // The event is opened when the fields have named the object.
        self.enforcement.admit(&caller, &asked, endpoint.asks(), None).await?;
        if let Some((policy, version)) = judged {
            let now = self.clock.now();
            let question = FormQuestion { fields: &fields, bucket, version, now };
            file.limit(FormPolicy::parse(policy)?.judge(&question)?)?;
        }
        let answer = FormAnswer::of(&fields);
        let (head, target) = fields.request(endpoint.spec(), form.head, form.target)?;
        journey.aim(POST_OBJECT, &target, &head);
        let call = endpoint.decode(&head, &target, None)?;
        let target = Arc::new(target);
        let question = Question {
            head: Arc::new(head),
            target: Arc::clone(&target),
            facts: Arc::clone(&facts),
        };
        let audit = journey.open();
        let permitted = call.permit(&self.enforcement, &caller, question, &audit).await?;
        let response = permitted.run(Payload::new(file)).await?;
        answer.encode(response, &facts.endpoint, &target)
    }

    async fn caller_of_form(
        &self,
        claim: Option<FormClaim<'_>>,
        service: &Service,
    ) -> Result<Caller, ErrorResponse> {
        match claim {
            None => Ok(Caller::anonymous()),
            Some(claim) => self.authenticate_form(claim, service).await,
        }
    }
}

/// SECURITY: only the policy is signed, so nothing that the request says outside its fields may
/// have a meaning: no query, no other signature, no header that S3 knows.
fn check_head(form: &FormRequest<'_>) -> Result<(), ErrorResponse> {
    if form.claim.is_some() {
        return Err(refuse(AuthError::SeveralMechanisms));
    }
    if !form.head.raw_query.is_empty() {
        return Err(failures::invalid("a form upload takes no query parameters"));
    }
    let names = form.head.headers.keys().map(http::HeaderName::as_str);
    let unsigned: Vec<_> = names.filter(|name| name.starts_with("x-amz-")).collect();
    if !unsigned.is_empty() {
        return Err(refuse(AuthError::HeadersNotSigned { names: unsigned.join(", ") }));
    }
    Ok(())
}

/// The file of a form on its way to the service.
struct FormFile {
    body: Payload,
    /// `None` once the end was reached, or after an error.
    parser: Option<FormParser>,
    input: Bytes,
    range: LengthRange,
    file_bytes: u64,
}

impl FormFile {
    fn new(body: Payload, parser: FormParser) -> Self {
        let range = LengthRange { bytes_min: 0, bytes_max: u64::MAX };
        Self { body, parser: Some(parser), input: Bytes::new(), range, file_bytes: 0 }
    }

    /// Reads the fields in front of the file, and puts its name where they want it.
    async fn fields(&mut self) -> Result<FormFields, ErrorResponse> {
        let mut fields = FormFields::default();
        loop {
            match self.advance().await.map_err(|error| error.s3())? {
                Some(FormEvent::Field { name, value }) => {
                    fields.push(name, value).map_err(|error| error.s3())?;
                }
                Some(FormEvent::File { filename }) => {
                    fields.expand(&filename).map_err(|error| error.s3())?;
                    return Ok(fields);
                }
                // A form that ended without a file has told so as an error.
                Some(FormEvent::Content(_) | FormEvent::NeedMore) | None => {
                    return Err(FormError::Files { files: 0 }.s3());
                }
            }
        }
    }

    /// Sets how long the file may be. A form that is longer beyond doubt is refused at once.
    fn limit(&mut self, range: LengthRange) -> Result<(), ErrorResponse> {
        self.range = range;
        let declared = self.body.content_length().unwrap_or(0);
        let file_bytes = declared.saturating_sub(intake::FORM_OVERHEAD_BYTES_MAX);
        if file_bytes > range.bytes_max {
            return Err(range.too_large(file_bytes));
        }
        Ok(())
    }

    /// The next event; `None` at the end of a complete form.
    async fn advance(&mut self) -> Result<Option<FormEvent>, PayloadError> {
        loop {
            let Some(parser) = &mut self.parser else { return Ok(None) };
            match parser.feed(&mut self.input).map_err(|error| refused(error.s3()))? {
                FormEvent::NeedMore => {}
                event => return Ok(Some(event)),
            }
            match self.body.next().await {
                Some(bytes) => self.input = bytes?,
                None => {
                    let ended = self.parser.take().map_or(Ok(()), FormParser::finish);
                    ended.map_err(|error| refused(error.s3()))?;
                }
            }
        }
    }

    async fn content(&mut self) -> Result<Option<Bytes>, PayloadError> {
        let Some(event) = self.advance().await? else {
            if self.file_bytes < self.range.bytes_min {
                return Err(refused(self.range.too_small(self.file_bytes)));
            }
            return Ok(None);
        };
        let FormEvent::Content(bytes) = event else {
            // Behind the file the parser gives no fields, and no second file.
            return Err(PayloadError::Io);
        };
        let added = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.file_bytes = self.file_bytes.saturating_add(added);
        if self.file_bytes > self.range.bytes_max {
            return Err(refused(self.range.too_large(self.file_bytes)));
        }
        Ok(Some(bytes))
    }
}

impl PayloadSource for FormFile {
    fn next(&mut self) -> BoxFuture<'_, Option<Result<Bytes, PayloadError>>> {
        Box::pin(async move { self.content().await.transpose() })
    }

    /// Known at its end only.
    fn content_length(&self) -> Option<u64> {
        None
    }

    fn announced_trailers(&self) -> &[String] {
        &[]
    }

    fn trailers(&self) -> &[(String, String)] {
        &[]
    }

    fn sha256(&self) -> Option<[u8; 32]> {
        None
    }
}

fn refused(response: ErrorResponse) -> PayloadError {
    PayloadError::Chunk(Box::new(response))
}

/// The operation as records name it. SPEC: monitoring, data events.
const POST_OBJECT: &str = "PostObject";
/// The operation that a form stands for.
const PUT_OBJECT: &str = "PutObject";
