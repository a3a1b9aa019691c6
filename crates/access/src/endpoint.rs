//! The stages of a call, one type each, so that none can be left out.
//!
//! [`Endpoint`] decodes the typed input, [`Decoded`] asks for the permit, [`Permitted`] runs the
//! service. The pipeline sees only these; which operation it is, and which service, it does not
//! know. Each stage consumes the one before.

use std::fmt;
use std::marker::PhantomData;

use strongroom_audit::AuditSlot;
use strongroom_store::BoxFuture;
use strongroom_wire::{
    ByteStream, DecodeError, DecodeRequest, EncodeError, ErrorResponse, OperationSpec, Payload,
    PresentMembers, RequestHead, Target, UnknownMember,
};

use crate::{Asks, Caller, Denial, Enforcement, Operands, Permit, Question};

/// What a service answers.
pub type Answer = Result<http::Response<ByteStream>, ErrorResponse>;

/// One operation of one service, ready to be called.
pub trait Endpoint: Send + Sync + fmt::Debug {
    /// The operation's name in AWS's spelling.
    fn name(&self) -> &'static str;

    /// Its route and members.
    fn spec(&self) -> &'static OperationSpec;

    /// What must be allowed for it.
    fn asks(&self) -> Asks;

    /// Whether the operation makes anything of the body, so that its digests matter.
    fn reads_body(&self) -> bool {
        true
    }

    /// What the operation makes the server hold beside the body of the request and a streamed
    /// answer: both ends of a copy, a page that is put together.
    fn held_bytes(&self) -> u64 {
        0
    }

    /// Reads the typed input. `body` is the whole body of an operation whose input is not a
    /// stream.
    ///
    /// # Errors
    /// If the request is not what the operation takes, in the service's own terms.
    fn decode(
        &self,
        head: &RequestHead,
        target: &Target,
        body: Option<&[u8]>,
    ) -> Result<Box<dyn Decoded>, ErrorResponse>;
}

/// A call with its typed input, not yet allowed.
pub trait Decoded: Send + Sync {
    /// Asks the enforcement point.
    ///
    /// # Errors
    /// The denial, if it is one.
    fn permit<'a>(
        self: Box<Self>,
        enforcement: &'a Enforcement,
        caller: &'a Caller,
        question: Question,
        audit: &'a AuditSlot,
    ) -> BoxFuture<'a, Result<Box<dyn Permitted>, Denial>>;
}

/// A call that was allowed.
pub trait Permitted: Send {
    /// Runs the service function.
    fn run(self: Box<Self>, payload: Payload) -> BoxFuture<'static, Answer>;
}

/// How a service turns what could not be decoded, or is not enforced, into its own errors.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// The error for an input that is not what the operation takes.
    pub decode_error: fn(operation: &str, error: &DecodeError) -> ErrorResponse,
    /// The error for a member that is present but not enforced, by its path; `None` if the member
    /// is enforced or fixed.
    pub refused_member: fn(operation: &str, member: &str) -> Option<ErrorResponse>,
    /// The error for something in the request that is no member of the operation; `None` if it
    /// means nothing to the service either.
    pub unknown_member:
        fn(operation: &str, member: &UnknownMember, head: &RequestHead) -> Option<ErrorResponse>,
    /// The error for a head or body that the operation does not go with, though all members of it
    /// do. `body` is whole, or absent if it is a stream.
    pub refused_request:
        fn(spec: &OperationSpec, head: &RequestHead, body: Option<&[u8]>) -> Option<ErrorResponse>,
}

impl Manners {
    /// The first thing in a request that would have to be ignored.
    fn refusal(
        &self,
        spec: &OperationSpec,
        present: &PresentMembers,
        head: &RequestHead,
    ) -> Option<ErrorResponse> {
        let paths = present.iter().filter_map(|index| spec.members.get(index));
        let mut refused = paths.filter_map(|member| (self.refused_member)(spec.name, member.path));
        let unknown = present.unknown().iter();
        let mut unknown = unknown.filter_map(|other| (self.unknown_member)(spec.name, other, head));
        refused.next().or_else(|| unknown.next())
    }
}

/// An operation bound to the service function that performs it.
pub struct BoundOperation<Op, F> {
    function: F,
    manners: Manners,
    held_bytes: u64,
    operation: PhantomData<fn() -> Op>,
}

impl<Op, F, Fut> BoundOperation<Op, F>
where
    Op: Operands,
    F: Fn(Permit<Op>, Op::Input, Payload) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    /// Binds the function.
    #[must_use]
    pub fn new(manners: Manners, function: F) -> Self {
        Self { function, manners, held_bytes: 0, operation: PhantomData }
    }

    /// The same operation, for which so much memory is borrowed.
    #[must_use]
    pub fn holding(mut self, held_bytes: u64) -> Self {
        self.held_bytes = held_bytes;
        self
    }
}

impl<Op, F, Fut> Endpoint for BoundOperation<Op, F>
where
    Op: Operands,
    F: Fn(Permit<Op>, Op::Input, Payload) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    fn name(&self) -> &'static str {
        Op::NAME
    }

    fn spec(&self) -> &'static OperationSpec {
        Op::SPEC
    }

    fn asks(&self) -> Asks {
        Asks::of::<Op>()
    }

    fn held_bytes(&self) -> u64 {
        self.held_bytes
    }

    fn decode(
        &self,
        head: &RequestHead,
        target: &Target,
        body: Option<&[u8]>,
    ) -> Result<Box<dyn Decoded>, ErrorResponse> {
        let as_answer = |error| (self.manners.decode_error)(Op::NAME, &error);
        let request = DecodeRequest::new(Op::SPEC, head, target, body).map_err(as_answer)?;
        let input = Op::decode(&request).map_err(as_answer)?;
        let refusal = self.manners.refusal(Op::SPEC, request.present(), head);
        let refusal = refusal.or_else(|| (self.manners.refused_request)(Op::SPEC, head, body));
        Ok(Box::new(Call {
            function: self.function.clone(),
            input,
            refusal,
            operation: PhantomData,
        }))
    }
}

impl<Op: Operands, F> fmt::Debug for BoundOperation<Op, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BoundOperation({})", Op::NAME)
    }
}

/// A decoded call of a bound operation.
struct Call<Op: Operands, F> {
    function: F,
    input: Op::Input,
    /// A member is present that is not enforced. Told only to callers who are allowed.
    refusal: Option<ErrorResponse>,
    operation: PhantomData<fn() -> Op>,
}

impl<Op, F, Fut> Decoded for Call<Op, F>
where
    Op: Operands,
    F: Fn(Permit<Op>, Op::Input, Payload) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    fn permit<'a>(
        self: Box<Self>,
        enforcement: &'a Enforcement,
        caller: &'a Caller,
        question: Question,
        audit: &'a AuditSlot,
    ) -> BoxFuture<'a, Result<Box<dyn Permitted>, Denial>> {
        Box::pin(async move {
            let permit = enforcement.permit::<Op>(caller, &question, &self.input, audit).await?;
            Ok(Box::new(Allowed { call: *self, permit }) as Box<dyn Permitted>)
        })
    }
}

/// An allowed call of a bound operation.
struct Allowed<Op: Operands, F> {
    call: Call<Op, F>,
    permit: Permit<Op>,
}

impl<Op, F, Fut> Permitted for Allowed<Op, F>
where
    Op: Operands,
    F: Fn(Permit<Op>, Op::Input, Payload) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<Op::Output, ErrorResponse>> + Send + 'static,
{
    fn run(self: Box<Self>, payload: Payload) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            let Self { call, permit } = *self;
            if let Some(refusal) = call.refusal {
                return Err(refusal);
            }
            let request_id = permit.facts().request_id;
            let output = (call.function)(permit, call.input, payload).await?;
            Op::encode(output, request_id).map_err(|error| unwritable(Op::NAME, &error))
        })
    }
}

/// SECURITY: what cannot be written as it is must not be written otherwise.
fn unwritable(operation: &str, error: &EncodeError) -> ErrorResponse {
    let message = format!("the answer of `{operation}` cannot be written: {error}");
    ErrorResponse::new("InternalError", 500, message)
}

/// An operation that is refused by name: it is routed, authenticated and decided like every
/// other, and then answers `NotImplemented`.
pub struct RefusedOperation<Op>(PhantomData<fn() -> Op>);

impl<Op> RefusedOperation<Op> {
    /// The refusal of an operation.
    #[must_use]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<Op> Default for RefusedOperation<Op> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Op: Operands> fmt::Debug for RefusedOperation<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefusedOperation({})", Op::NAME)
    }
}

impl<Op: Operands> Endpoint for RefusedOperation<Op> {
    fn name(&self) -> &'static str {
        Op::NAME
    }

    fn spec(&self) -> &'static OperationSpec {
        Op::SPEC
    }

    fn asks(&self) -> Asks {
        Asks::of::<Op>()
    }

    /// The body is not looked at: nothing that it says could matter.
    fn reads_body(&self) -> bool {
        false
    }

    fn decode(
        &self,
        _head: &RequestHead,
        _target: &Target,
        _body: Option<&[u8]>,
    ) -> Result<Box<dyn Decoded>, ErrorResponse> {
        Ok(Box::new(RefusedCall(Asks::of::<Op>())))
    }
}

/// An action that is refused by name and of which nothing but the name is known.
#[derive(Debug)]
pub struct RefusedAction(&'static OperationSpec);

impl RefusedAction {
    /// The refusal of an action.
    #[must_use]
    pub fn new(spec: &'static OperationSpec) -> Self {
        Self(spec)
    }
}

impl Endpoint for RefusedAction {
    fn name(&self) -> &'static str {
        self.0.name
    }

    fn spec(&self) -> &'static OperationSpec {
        self.0
    }

    fn asks(&self) -> Asks {
        Asks::nothing(self.0)
    }

    fn decode(
        &self,
        _head: &RequestHead,
        _target: &Target,
        _body: Option<&[u8]>,
    ) -> Result<Box<dyn Decoded>, ErrorResponse> {
        Ok(Box::new(RefusedCall(self.asks())))
    }
}

/// A call of an operation that is refused by name.
struct RefusedCall(Asks);

impl Decoded for RefusedCall {
    fn permit<'a>(
        self: Box<Self>,
        enforcement: &'a Enforcement,
        caller: &'a Caller,
        question: Question,
        audit: &'a AuditSlot,
    ) -> BoxFuture<'a, Result<Box<dyn Permitted>, Denial>> {
        Box::pin(async move {
            enforcement.addressed_by_name(caller, &question, self.0, audit).await?;
            Ok(Box::new(RefusedAnswer(self.0.spec.name)) as Box<dyn Permitted>)
        })
    }
}

struct RefusedAnswer(&'static str);

impl Permitted for RefusedAnswer {
    fn run(self: Box<Self>, _payload: Payload) -> BoxFuture<'static, Answer> {
        let message = format!("`{}` is not implemented", self.0);
        Box::pin(async move { Err(ErrorResponse::new("NotImplemented", 501, message)) })
    }
}
