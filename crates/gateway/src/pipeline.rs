//! One request, one path. Refusals leave by the same exit, with the same record.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use strongroom_access::{Answer, Caller, Question, RequestFacts};
use strongroom_audit::{AuditEvent, AuditSlot, Outcome};
use strongroom_sigv4::{RequestClaim, parse_claim};
use strongroom_types::RequestId;
use strongroom_wire::{
    ByteStream, CorsAnswer, ErrorResponse, InputKind, Protocol, RequestHead, RouteError, Target,
    encode_error, encode_error_s3, parse_target,
};

use crate::authentication::{Asked, refuse};
use crate::body::{Leftover, ResponseBody, Rest, drain};
use crate::budget::{Lender, Loan, Purpose};
use crate::form::FormRequest;
use crate::intake::RawBody;
use crate::pace::Pace;
use crate::places::Lane;
use crate::query::QueryRequest;
use crate::{Connection, Gateway, Routing, Service, budget, failures, intake};

impl Gateway {
    /// Answers one request.
    pub(crate) async fn answer(
        &self,
        connection: Connection,
        request: Request<Incoming>,
    ) -> Response<ResponseBody> {
        let (parts, incoming) = request.into_parts();
        let mut journey = self.set_out(connection, &parts);
        // Until a payload takes it, nothing of the body was read.
        *journey.leftover.lock() = Rest::Unread(incoming);
        let answer = match intake::head(parts) {
            Ok(head) if self.asks_for_health(&head) => return journey.health(&head),
            Ok(_) if journey.connection.mark.lane() == Lane::TurnedAway => {
                Err(failures::slow_down())
            }
            Ok(head) => {
                journey.cross_origin = self.cross_origin(&head).await;
                self.travel(&mut journey, &Arc::new(head)).await
            }
            Err(refusal) => Err(refusal),
        };
        self.arrive(journey, answer).await
    }

    /// The whole path. Each step needs what the one before has proved.
    async fn travel(&self, journey: &mut Journey, head: &Arc<RequestHead>) -> Answer {
        let headers = intake::signed_parts(&head.headers);
        let view = intake::view(head, &headers);
        let claim = parse_claim(&view).map_err(refuse)?;
        let service = self.service(claim.as_ref())?;
        journey.service = service.signing_name;
        journey.protocol = service.protocol;
        let (router, claim) = match (&service.routing, claim) {
            (Routing::Rest(router), claim) => (router, claim),
            (Routing::Actions(actions), Some(RequestClaim::V4(claim))) => {
                let request = QueryRequest { head, view: &view, claim, actions };
                return self.travel_by_action(journey, service, request).await;
            }
            (Routing::Actions(_), _) => return Err(failures::unavailable()),
        };
        let unmoved = match &claim {
            Some(RequestClaim::V2(claim)) => Some(Arc::new(intake::unmoved(head, claim)?)),
            Some(RequestClaim::V4(_)) | None => None,
        };
        let head = unmoved.as_ref().unwrap_or(head);
        let target = Arc::new(parse_target(head, &self.hosts).map_err(|error| error.s3())?);
        let operation = match router.route(head, &target) {
            Err(RouteError::Preflight) => return self.preflight(journey, head, &target).await,
            Err(RouteError::FormUpload) => {
                let form = FormRequest { head, view: &view, target: &target, claim };
                return self.travel_by_form(journey, service, form).await;
            }
            routed => routed.map_err(|error| error.s3())?,
        };
        let endpoint = service.endpoints.get(operation.0).ok_or_else(failures::unavailable)?;
        journey.aim(endpoint.name(), &target, head);
        let streams = endpoint.spec().input == InputKind::Stream;
        let asked = Asked { operation: endpoint.name(), target: &target, streams };
        let (caller, decoder) = self.authenticate(&view, claim, service, asked).await?;
        journey.caller = caller.clone();
        let question = Question {
            head: Arc::clone(head),
            target: Arc::clone(&target),
            facts: Arc::clone(&journey.facts),
        };
        let audit = journey.open();
        if !streams {
            // SECURITY: nobody makes the server hold a document that nobody would judge.
            self.enforcement.admit(&caller, &question, endpoint.asks(), Some(&audit)).await?;
        }
        let lender = Lender { budget: &self.budget, client: &journey.connection.memory };
        let leftover = &journey.leftover;
        let body = RawBody { leftover, decoder, lender, pace: self.pace() };
        let intake = intake::typed_input(endpoint.as_ref(), head, &target, body).await?;
        journey.loan = intake.loan;
        let permitted = intake.call.permit(&self.enforcement, &caller, question, &audit).await?;
        permitted.run(intake.payload).await
    }

    /// `/-/live` and `/-/ready`, where they are no keys of a bucket in the host: no bucket can be
    /// named `-`. DESIGN, 7.
    fn asks_for_health(&self, head: &RequestHead) -> bool {
        let named = matches!(head.raw_path.as_str(), "/-/live" | "/-/ready");
        named && !matches!(parse_target(head, &self.hosts), Ok(Target { bucket: Some(_), .. }))
    }

    /// Which service: the signed credential scope alone decides; unsigned requests go to the
    /// first one. DESIGN, 3.
    fn service(&self, claim: Option<&RequestClaim<'_>>) -> Result<&Service, ErrorResponse> {
        let first = self.services.first().ok_or_else(failures::unavailable)?;
        // Version 2 knows no scope, and no service but the first.
        let Some(RequestClaim::V4(claim)) = claim else { return Ok(first) };
        let scope = claim.scope().service();
        // A scope that names no service here fails the first one's own check of the scope.
        Ok(self.services.iter().find(|service| service.signing_name == scope).unwrap_or(first))
    }

    /// How slow the body of a request may be.
    pub(crate) fn pace(&self) -> Pace {
        Pace::new(self.limits.body_window, self.limits.pace_bytes_min)
    }

    fn new_request_id(&self) -> RequestId {
        let mut id = [0; 8];
        // Without randomness the id is zero; the request fails later where secrets are needed.
        let _ = self.entropy.fill(&mut id);
        RequestId::from_bytes(id)
    }

    fn set_out(&self, connection: Connection, parts: &http::request::Parts) -> Journey {
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let scheme = if connection.tls_version > 0 { "https" } else { "http" };
        let facts = Arc::new(RequestFacts {
            request_id: self.new_request_id(),
            received: self.clock.now(),
            source_ip: connection.peer.ip(),
            tls_version: connection.tls_version,
            endpoint: format!("{scheme}://{}", host.unwrap_or_default()),
        });
        Journey {
            facts,
            resource: parts.uri.path().to_owned(),
            is_head: parts.method == http::Method::HEAD,
            expects_continue: parts.headers.contains_key(header::EXPECT),
            in_chunks: parts.headers.contains_key(header::TRANSFER_ENCODING),
            received_bytes: declared_length(parts),
            service: "",
            protocol: Protocol::RestXml,
            operation: "",
            bucket: String::new(),
            object_key: String::new(),
            version_id: String::new(),
            caller: Caller::anonymous(),
            cross_origin: None,
            is_preflight: false,
            audit: None,
            leftover: Leftover::default(),
            ends: false,
            loan: None,
            connection,
        }
    }

    /// The one exit: the record is closed before the first byte of the answer.
    async fn arrive(&self, mut journey: Journey, answer: Answer) -> Response<ResponseBody> {
        let mut loan = None;
        let answer = match answer {
            Ok(response) => {
                let client = &journey.connection.memory;
                let bytes = budget::of_response(response.body());
                let lent = self.budget.lend(client, Purpose::Stream, bytes).await;
                lent.map(|lent| {
                    loan = lent;
                    response
                })
            }
            Err(refusal) => Err(refusal),
        };
        let (mut response, error_code) = match answer {
            Ok(response) => (response, String::new()),
            Err(error) => {
                // Refusals by name, and those that clients can cause at will, are only counted.
                if error.status >= 500 && error.status != 501 && error.code != "SlowDown" {
                    let request_id = journey.facts.request_id;
                    tracing::error!(%request_id, code = %error.code, message = %error.message);
                }
                (journey.error(&error), error.code.into_owned())
            }
        };
        let outcome = Outcome {
            status: response.status().as_u16(),
            error_code,
            received_bytes: journey.received_bytes,
            sent_bytes: response.body().content_length(),
        };
        let stranger = journey.caller.access_key_id.is_none();
        if stranger && !outcome.error_code.is_empty() {
            self.refusals.note(journey.facts.source_ip, &outcome.error_code);
        } else if !journey.is_preflight {
            let audit = journey.open();
            // SECURITY: no answer without its record. DESIGN, 3: audit sink down -> 503.
            if !audit.is_recorded()
                && let Err(error) = self.events.append(audit.sealed_with(outcome)).await
            {
                tracing::error!(%error, "an event could not be recorded");
                response = journey.error(&failures::unavailable());
            }
        }
        let is_large = journey.received_bytes > KEPT_BODY_BYTES_MAX;
        journey.ends = is_large && self.places.is_crowded();
        // Where the connection ends the listener reads on behind the answer.
        if !journey.is_last() {
            journey.ends = match journey.expects_continue {
                // It may send the body or not: nobody knows where the next request would begin.
                true => !journey.leftover.lock().is_nothing(),
                false => !drain(&journey.leftover, self.pace()).await,
            };
        }
        journey.stamp(&mut response);
        if let Some(answer) = journey.cross_origin.take()
            && journey.protocol == Protocol::RestXml
        {
            answer.write(response.headers_mut());
        }
        let loans = [journey.loan.take(), loan];
        response.map(|body| ResponseBody::from(body).holding(loans))
    }

    /// The answer to what is no request: a head that is refused, or that did not come in time.
    pub(crate) fn turn_away(&self, connection: &Connection, refusal: &ErrorResponse) -> Vec<u8> {
        self.refusals.note(connection.peer.ip(), &refusal.code);
        let request_id = self.new_request_id().to_string();
        let mut response = encode_error_s3(refusal, "", &request_id, &host_id(&request_id), false);
        stamp(&mut response, &request_id);
        tracing::debug!(peer = %connection.peer, %request_id, code = %refusal.code, "turned away");
        let headers = response.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Ok(date) = HeaderValue::from_str(&self.clock.now().to_http_date()) {
            headers.insert(header::DATE, date);
        }
        written(response)
    }
}

/// An answer as it goes over the wire.
fn written(response: Response<ByteStream>) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = match body {
        ByteStream::Full(bytes) => bytes,
        ByteStream::Empty | ByteStream::Stream { .. } => Bytes::new(),
    };
    let mut bytes = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
    for (name, value) in &parts.headers {
        let line = [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"];
        bytes.extend_from_slice(&line.concat());
    }
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n", body.len()).as_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// What is known of a request on its way.
pub(crate) struct Journey {
    pub(crate) facts: Arc<RequestFacts>,
    resource: String,
    is_head: bool,
    expects_continue: bool,
    in_chunks: bool,
    received_bytes: u64,
    service: &'static str,
    protocol: Protocol,
    operation: &'static str,
    bucket: String,
    object_key: String,
    version_id: String,
    pub(crate) caller: Caller,
    /// What a browser may show of the answer to the page that asks.
    cross_origin: Option<CorsAnswer>,
    pub(crate) is_preflight: bool,
    audit: Option<AuditSlot>,
    pub(crate) leftover: Leftover,
    /// The body was not read to its end, or the connection has grown too large to be kept.
    ends: bool,
    pub(crate) loan: Option<Loan>,
    pub(crate) connection: Connection,
}

impl Journey {
    pub(crate) fn aim(&mut self, operation: &'static str, target: &Target, head: &RequestHead) {
        self.operation = operation;
        self.bucket = target.bucket.as_ref().map(ToString::to_string).unwrap_or_default();
        self.object_key = target.object_key.as_ref().map(ToString::to_string).unwrap_or_default();
        self.version_id = head.query.get("versionId").unwrap_or_default().to_owned();
    }

    /// Opens the audit event, once.
    pub(crate) fn open(&mut self) -> AuditSlot {
        if let Some(audit) = &self.audit {
            return audit.clone();
        }
        let access_key_id = self.caller.access_key_id.as_ref();
        let source_ip: IpAddr = self.facts.source_ip;
        let audit = AuditSlot::open(AuditEvent {
            request_id: self.facts.request_id,
            time: self.facts.received,
            service: self.service.to_owned(),
            operation: self.operation.to_owned(),
            principal: self.caller.principal.kind(),
            account: self.caller.principal.account(),
            access_key_id: access_key_id.map(ToString::to_string).unwrap_or_default(),
            auth: self.caller.auth,
            source_ip,
            tls_version: self.facts.tls_version,
            bucket: std::mem::take(&mut self.bucket),
            object_key: std::mem::take(&mut self.object_key),
            version_id: std::mem::take(&mut self.version_id),
            decision: String::new(),
            outcome: Outcome::default(),
        });
        self.audit.insert(audit).clone()
    }

    fn error(&self, error: &ErrorResponse) -> Response<ByteStream> {
        let request_id = self.facts.request_id.to_string();
        match self.protocol {
            Protocol::RestXml => {
                let host_id = host_id(&request_id);
                encode_error_s3(error, &self.resource, &request_id, &host_id, self.is_head)
            }
            other => encode_error(other, error, &self.resource, &request_id, self.is_head),
        }
    }

    /// Whether the connection ends with this answer.
    fn is_last(&self) -> bool {
        // SECURITY: a length beside the chunks may have been dropped on the way here; what follows
        // on this connection could be another request to somebody else.
        self.in_chunks || self.ends || self.connection.mark.is_summoned()
    }

    fn stamp(&self, response: &mut Response<ByteStream>) {
        stamp(response, &self.facts.request_id.to_string());
        if self.is_last() {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
    }

    /// The answer to `/-/live` and `/-/ready`.
    fn health(&self, head: &RequestHead) -> Response<ResponseBody> {
        let mut response = Response::new(ByteStream::Full("ok\n".into()));
        if head.method != http::Method::GET {
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
        self.stamp(&mut response);
        response.map(ResponseBody::from)
    }
}

/// SPEC: data-protection, 0: every answer names its request.
fn stamp(response: &mut Response<ByteStream>, request_id: &str) {
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&host_id(request_id)) {
        headers.insert("x-amz-id-2", value);
    }
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert("x-amz-request-id", value);
    }
    headers.insert(header::SERVER, HeaderValue::from_static("Strongroom"));
}

/// The second id of a request. At AWS it names the host; here there is one.
fn host_id(request_id: &str) -> String {
    format!("strongroom-{request_id}")
}

fn declared_length(parts: &http::request::Parts) -> u64 {
    let length = parts.headers.get(header::CONTENT_LENGTH);
    length.and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// Behind a larger body a connection is not kept in a crowd.
const KEPT_BODY_BYTES_MAX: u64 = 64 * 1024;
