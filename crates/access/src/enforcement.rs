//! The decision: the order of checks, and which questions are asked of whom.

use std::fmt;
use std::sync::Arc;

use strongroom_audit::AuditSlot;
use strongroom_types::{BucketName, Region};
use strongroom_wire::{RequestHead, Target};

use crate::asking::{Asking, Asks};
use crate::judge::Judge;
use crate::permit::Decision;
use crate::{
    BucketControls, BucketDirectory, BucketRef, Caller, Denial, HeldPolicy, NamedKey, Operands,
    Permit, Principal, PrincipalDirectory, RequestFacts, Seen,
};

/// The one policy enforcement point.
///
/// Every operation asks the questions of its table, each is decided by the policies of the caller
/// and of the bucket, and all must be allowed.
#[derive(Debug, Clone)]
pub struct Enforcement {
    directories: Arc<Directories>,
}

/// Whom the enforcement point asks.
#[derive(Debug)]
pub(crate) struct Directories {
    pub(crate) buckets: Arc<dyn BucketDirectory>,
    pub(crate) principals: Arc<dyn PrincipalDirectory>,
    pub(crate) region: Region,
}

/// What a decision knows of the request beside the typed input. Shared with the permit, which may
/// have to ask again.
#[derive(Clone)]
pub struct Question {
    /// The request's head.
    pub head: Arc<RequestHead>,
    /// The bucket and object key that it addresses.
    pub target: Arc<Target>,
    /// Facts that no client can forge.
    pub facts: Arc<RequestFacts>,
}

/// What a request was decided to be about.
#[derive(Debug, Clone, Default)]
pub(crate) struct Found {
    pub(crate) bucket: Option<BucketRef>,
    pub(crate) source: Option<BucketRef>,
    /// Each key that the body names.
    pub(crate) keys: Vec<Result<(), Denial>>,
    /// Those keys, where each had to be asked for; to ask again.
    pub(crate) named: Vec<NamedKey>,
    /// What the decision relied on beside the buckets.
    pub(crate) seen: Vec<Seen>,
}

/// The keys that the body of a request names.
#[derive(Clone, Copy)]
struct Keys<'a> {
    count: usize,
    /// Reads them; done only if each must be asked for.
    named: &'a (dyn Fn() -> Vec<NamedKey> + Sync),
}

impl Keys<'_> {
    const NONE: Self = Self { count: 0, named: &Vec::new };
}

impl Enforcement {
    /// An enforcement point over these buckets and principals, of a server in this region.
    #[must_use]
    pub fn new(
        buckets: Arc<dyn BucketDirectory>,
        principals: Arc<dyn PrincipalDirectory>,
        region: Region,
    ) -> Self {
        Self { directories: Arc::new(Directories { buckets, principals, region }) }
    }

    /// Decides one operation.
    ///
    /// The order of checks is SPEC: access-control, 2.9: bucket lookup, expected bucket owner,
    /// requester pays, then authorization; nothing about objects is learnt before.
    ///
    /// # Errors
    /// The reason for refusing, fit for the client's eyes.
    pub async fn permit<Op: Operands>(
        &self,
        caller: &Caller,
        question: &Question,
        input: &Op::Input,
        audit: &AuditSlot,
    ) -> Result<Permit<Op>, Denial> {
        let asking = Asking::new::<Op>(caller, question, input);
        let keys = Keys { count: Op::key_count(input), named: &|| Op::keys(input) };
        let found = self.decide(&asking, keys, Some(audit)).await?;
        let enforcement = self.clone();
        Ok(Permit::issue(Decision { asking, found, audit: audit.clone(), enforcement }))
    }

    /// Judges by the head alone, before a document is read: who is refused whatever it says makes
    /// the server hold none of it.
    ///
    /// # Errors
    /// The reason for refusing, fit for the client's eyes.
    pub async fn admit(
        &self,
        caller: &Caller,
        question: &Question,
        asks: Asks,
        audit: Option<&AuditSlot>,
    ) -> Result<(), Denial> {
        let asking = Asking::by_head(caller, question, asks);
        if asks.by_head() {
            return self.decide(&asking, Keys::NONE, audit).await.map(|_| ());
        }
        let bucket = self.addressed(&asking).await?;
        let judge = Judge::appoint(&self.directories, &asking).await?;
        if judge.may_hope(bucket.as_ref()) { Ok(()) } else { Err(Denial::plain()) }
    }

    /// Decides what does not depend on the typed input; all there is to decide about an operation
    /// that is refused by name.
    pub(crate) async fn addressed_by_name(
        &self,
        caller: &Caller,
        question: &Question,
        asks: Asks,
        audit: &AuditSlot,
    ) -> Result<(), Denial> {
        let asking = Asking::by_head(caller, question, asks);
        self.decide(&asking, Keys::NONE, Some(audit)).await.map(|_| ())
    }

    /// Asks everything.
    async fn decide(
        &self,
        asking: &Asking,
        keys: Keys<'_>,
        audit: Option<&AuditSlot>,
    ) -> Result<Found, Denial> {
        let bucket = self.addressed(asking).await?;
        let mut judge = Judge::appoint(&self.directories, asking).await?;
        let judged = self.judge(&mut judge, asking, bucket, keys).await;
        if let (Some(note), Some(audit)) = (judge.note(), audit) {
            audit.decided(note.as_str());
        }
        let found = judged?;
        refuse_overrides(asking)?;
        Ok(Found { seen: judge.into_seen(), ..found })
    }

    async fn judge(
        &self,
        judge: &mut Judge<'_>,
        asking: &Asking,
        bucket: Option<BucketRef>,
        keys: Keys<'_>,
    ) -> Result<Found, Denial> {
        for asked in asking.of_target() {
            judge.ask(&asked, bucket.as_ref()).await?;
        }
        let mut found = Found { bucket, ..Found::default() };
        if let Some(source) = &asking.copy_source {
            let source = self.find(&source.bucket).await?;
            expect_owner(&asking.question.head, "x-amz-source-expected-bucket-owner", &source)?;
            self.judge_source(judge, asking, (&source, found.bucket.as_ref())).await?;
            found.source = Some(source);
        }
        if keys.count == 0 {
            return Ok(found);
        }
        let bucket = found.bucket.as_ref();
        if judge.is_beyond_question(bucket) {
            found.keys = vec![Ok(()); keys.count];
            return Ok(found);
        }
        // Who could be allowed no key at all hears it of the request, not of each key.
        if !judge.may_hope(bucket) {
            return Err(Denial::plain());
        }
        let named = (keys.named)();
        for key in &named {
            found.keys.push(Self::judge_key(judge, asking, key, bucket).await?);
        }
        found.named = named;
        Ok(found)
    }

    async fn judge_source(
        &self,
        judge: &mut Judge<'_>,
        asking: &Asking,
        (source, bucket): (&BucketRef, Option<&BucketRef>),
    ) -> Result<(), Denial> {
        // Whether there are tags is nobody's business who may not read the object.
        for asked in asking.of_source(false) {
            judge.ask(&asked, Some(source)).await?;
        }
        let both_own = judge.is_beyond_question(Some(source)) && judge.is_beyond_question(bucket);
        if asking.copies_tags && !both_own && judge.source_is_tagged(source).await? {
            for asked in asking.of_source(true) {
                let of_source = asked.is_of_source();
                judge.ask(&asked, if of_source { Some(source) } else { bucket }).await?;
            }
        }
        Ok(())
    }

    /// A denial is the result of one key; what cannot be decided fails the whole.
    async fn judge_key(
        judge: &mut Judge<'_>,
        asking: &Asking,
        key: &NamedKey,
        bucket: Option<&BucketRef>,
    ) -> Result<Result<(), Denial>, Denial> {
        for asked in asking.of_key(key) {
            match judge.ask(&asked, bucket).await {
                Ok(()) => {}
                Err(Denial::Unavailable) => return Err(Denial::Unavailable),
                Err(denial) => return Ok(Err(denial)),
            }
        }
        Ok(Ok(()))
    }

    /// What the target names, after the checks that come before all questions.
    async fn addressed(&self, asking: &Asking) -> Result<Option<BucketRef>, Denial> {
        let is_anonymous = asking.caller.principal == Principal::Anonymous;
        let bucket = match &asking.question.target.bucket {
            Some(name) if !asking.asks.makes_bucket => {
                let bucket = self.find(name).await?;
                expect_owner(&asking.question.head, "x-amz-expected-bucket-owner", &bucket)?;
                requester_pays(asking, &bucket)?;
                Some(bucket)
            }
            Some(_) | None => None,
        };
        // SPEC: access-control, 2.8.
        let refusal = match asking.asks.spec.name {
            "CreateMultipartUpload" => {
                "Anonymous users cannot initiate multipart uploads. Please authenticate."
            }
            "CopyObject" => "Anonymous users cannot copy objects. Please authenticate.",
            _ if bucket.is_none() => "Anonymous users cannot invoke this API. Please authenticate.",
            _ => return Ok(bucket),
        };
        match is_anonymous {
            true => Err(Denial::AccessDenied { message: refusal.to_owned() }),
            false => Ok(bucket),
        }
    }

    /// A judge for further questions about a request.
    pub(crate) async fn judge_of<'a>(&'a self, asking: &'a Asking) -> Result<Judge<'a>, Denial> {
        Judge::appoint(&self.directories, asking).await
    }

    /// Whether the questions about the target would be allowed under another policy of the bucket.
    pub(crate) async fn would_allow(
        &self,
        asking: &Asking,
        bucket: &BucketRef,
        bucket_policy: HeldPolicy,
    ) -> Result<bool, Denial> {
        let mut controls = BucketControls::clone(&bucket.controls);
        controls.bucket_policy = Some(bucket_policy);
        let bucket = BucketRef { controls: Arc::new(controls), ..bucket.clone() };
        let mut judge = Judge::appoint(&self.directories, asking).await?;
        for asked in asking.of_target() {
            match judge.ask(&asked, Some(&bucket)).await {
                Ok(()) => {}
                Err(Denial::Unavailable) => return Err(Denial::Unavailable),
                Err(_) => return Ok(false),
            }
        }
        Ok(true)
    }

    /// Decides again about buckets that have changed since they were decided upon.
    pub(crate) async fn judge_again(
        &self,
        asking: &Asking,
        before: &Found,
        audit: &AuditSlot,
    ) -> Result<Found, Denial> {
        // A bucket that was deleted and made again is another bucket, whatever it would allow.
        for before in before.bucket.iter().chain(&before.source) {
            if self.find(&before.name).await?.id != before.id {
                return Err(Denial::NoSuchBucket(before.name.clone()));
            }
        }
        if before.keys.len() != before.named.len() {
            // Nobody had to ask for single keys; who has to now has no keys to ask for.
            let named = || Vec::new();
            let keys = Keys { count: before.keys.len(), named: &named };
            let now = self.decide(asking, keys, Some(audit)).await?;
            return match now.keys.len() == before.keys.len() {
                true => Ok(now),
                false => Err(Denial::Unavailable),
            };
        }
        let named = || before.named.clone();
        let keys = Keys { count: before.named.len(), named: &named };
        self.decide(asking, keys, Some(audit)).await
    }

    async fn find(&self, name: &BucketName) -> Result<BucketRef, Denial> {
        let found = self.directories.buckets.bucket(name).await;
        found.map_err(|_| Denial::Unavailable)?.ok_or_else(|| Denial::NoSuchBucket(name.clone()))
    }
}

/// SECURITY: a head holds signatures and tokens.
impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Question")
            .field("request_id", &self.facts.request_id)
            .finish_non_exhaustive()
    }
}

/// SPEC: access-control, 4.4. The header counts once: a second one could contradict the first.
fn expect_owner(head: &RequestHead, header: &str, bucket: &BucketRef) -> Result<(), Denial> {
    let mut values = head.headers.get_all(header).iter();
    let Some(expected) = values.next() else { return Ok(()) };
    let expected = expected.to_str().ok().and_then(|text| text.parse().ok());
    match (expected, values.next()) {
        (Some(owner), None) if bucket.owner == owner => Ok(()),
        (Some(_), None) => Err(Denial::plain()),
        (None, _) | (_, Some(_)) => Err(Denial::InvalidExpectedOwner),
    }
}

/// SPEC: access-control, 4.9: other accounts say that they pay; who is nobody cannot.
fn requester_pays(asking: &Asking, bucket: &BucketRef) -> Result<(), Denial> {
    let account = asking.caller.principal.account();
    if !bucket.controls.requester_pays || account == Some(bucket.owner) {
        return Ok(());
    }
    let head = &asking.question.head;
    let header = head.header_text(PAYER).and_then(Result::ok);
    let says = header.as_deref() == Some("requester") || head.query.get(PAYER) == Some("requester");
    if says && account.is_some() { Ok(()) } else { Err(Denial::plain()) }
}

/// SPEC: access-control, 2.8: headers of the answer can be chosen by those only who have signed for
/// them.
fn refuse_overrides(asking: &Asking) -> Result<(), Denial> {
    let is_anonymous = asking.caller.principal == Principal::Anonymous;
    let mut query = asking.question.head.query.iter();
    if is_anonymous && query.any(|(name, _)| name.starts_with("response-")) {
        return Err(Denial::ResponseOverrides);
    }
    Ok(())
}

const PAYER: &str = "x-amz-request-payer";
