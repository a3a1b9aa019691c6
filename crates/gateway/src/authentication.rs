//! Who it is: every form of signature, from a claim to a caller.
//!
//! An unknown access key costs the same work as a known one, so that the time tells nothing.

use std::sync::Arc;

use strongroom_access::{
    Caller, Credential, CredentialError, CredentialV2, Principal, SessionFacts, SigningScope,
};
use strongroom_audit::AuthKind;
use strongroom_sigv4::{
    AccessKeyClaim, AuthError, BodyDecoder, Claim, ClaimV2, Expected, ExpectedV2, FormClaim,
    RequestClaim, RequestView, SigV2Place, SignatureForm, SignatureVersion, StringToSignV2,
    Verified, anonymous_body,
};
use strongroom_wire::{Addressing, ErrorResponse, Target};

use crate::{Gateway, PresignedV2, Service, failures};

/// What a request asks for, as far as its signature has to do with it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) operation: &'static str,
    pub(crate) target: &'a Target,
    /// Whether the body is a stream, which alone may come in signed chunks.
    pub(crate) streams: bool,
}

impl Asked<'_> {
    /// The answer to a body that cannot be read as it is declared: what an operation does not take
    /// at all needs no length. SPEC: data-protection, 1.6.
    fn refuse(self, error: AuthError) -> ErrorResponse {
        match error {
            AuthError::MissingDecodedLength if !self.streams => {
                refuse(AuthError::StreamingNotAllowed)
            }
            other => refuse(other),
        }
    }
}

impl Gateway {
    /// Who it is, and the only way to the body.
    pub(crate) async fn authenticate(
        &self,
        view: &RequestView<'_>,
        claim: Option<RequestClaim<'_>>,
        service: &Service,
        asked: Asked<'_>,
    ) -> Result<(Caller, BodyDecoder), ErrorResponse> {
        match claim {
            None => {
                let body = anonymous_body(view).map_err(|error| asked.refuse(error))?;
                Ok((Caller::anonymous(), body))
            }
            Some(RequestClaim::V4(claim)) => self.authenticate_v4(claim, service, asked).await,
            Some(RequestClaim::V2(claim)) => self.authenticate_v2(claim, asked).await,
        }
    }

    /// Who signed a request of the query protocol. Its signature covers the body, so `body` reads
    /// that once all is judged that needs no secret, and gives its digest with it.
    pub(crate) async fn authenticate_action<B>(
        &self,
        claim: Claim<'_>,
        service: &Service,
        body: impl Future<Output = Result<(B, [u8; 32]), ErrorResponse>>,
    ) -> Result<(Caller, B), ErrorResponse> {
        // Clients sign for the one endpoint that AWS has of IAM and once had of STS.
        let region = match claim.scope().region() {
            GLOBAL_REGION => GLOBAL_REGION,
            _ => self.region.as_str(),
        };
        let expected = Expected { service: service.signing_name, region, now: self.clock.now() };
        let checked = claim.check(&expected).map_err(refuse)?;
        let (body, digest) = body.await?;
        let claim = checked.claim();
        let scope =
            SigningScope { date: claim.scope().date(), region, service: service.signing_name };
        let found = match claim.access_key() {
            AccessKeyClaim::Possible(id) => {
                let token = claim.session_token();
                known(self.credentials.credential(id, token, scope, self.clock.now()).await)?
            }
            _ => None,
        };
        let Some(credential) = found else {
            return Err(refuse(checked.verify_unknown(Some(&digest))));
        };
        let proven = checked.verify(&credential.signing_key, Some(&digest));
        let (verified, _) = proven.map_err(refuse)?;
        self.credentials.used(verified.access_key_id(), scope, self.clock.now()).await;
        Ok((caller(credential.principal, credential.session, &verified), body))
    }

    async fn authenticate_v4(
        &self,
        claim: Claim<'_>,
        service: &Service,
        asked: Asked<'_>,
    ) -> Result<(Caller, BodyDecoder), ErrorResponse> {
        let checked = claim.check(&self.expected(service)).map_err(refuse)?;
        let claim = checked.claim();
        let date = claim.scope().date();
        let found =
            self.signing_key(claim.access_key(), claim.session_token(), date, service).await?;
        let Some(credential) = found else {
            return Err(refuse(checked.verify_unknown(None)));
        };
        let verified = checked.verify(&credential.signing_key, None);
        let (verified, decoder) = verified.map_err(|error| asked.refuse(error))?;
        let region = self.region.as_str();
        let scope = SigningScope { date, region, service: service.signing_name };
        self.credentials.used(verified.access_key_id(), scope, self.clock.now()).await;
        Ok((caller(credential.principal, credential.session, &verified), decoder))
    }

    async fn authenticate_v2(
        &self,
        claim: ClaimV2<'_>,
        asked: Asked<'_>,
    ) -> Result<(Caller, BodyDecoder), ErrorResponse> {
        self.accept_v2(SigV2Place::Query)?;
        let in_host = asked.target.addressing == Addressing::VirtualHost;
        let bucket = asked.target.bucket.as_ref().filter(|_| in_host);
        let expected = ExpectedV2 {
            operation: asked.operation,
            bucket_in_host: bucket.map(strongroom_types::BucketName::as_str),
            now: self.clock.now(),
        };
        let checked = claim.check(&expected).map_err(refuse)?;
        let claim = checked.claim();
        let token = claim.session_token().map_err(refuse)?;
        let found = self.signature_v2(claim.access_key(), token, checked.string_to_sign()).await?;
        let Some(credential) = found else {
            return Err(refuse(checked.verify_unknown()));
        };
        let (verified, decoder) = checked.verify(&credential.signature).map_err(refuse)?;
        Ok((caller(credential.principal, credential.session, &verified), decoder))
    }

    /// Who signed the policy of a form.
    pub(crate) async fn authenticate_form(
        &self,
        claim: FormClaim<'_>,
        service: &Service,
    ) -> Result<Caller, ErrorResponse> {
        if claim.signature_version() == SignatureVersion::V2 {
            self.accept_v2(SigV2Place::Form)?;
        }
        let checked = claim.check(&self.expected(service)).map_err(refuse)?;
        let claim = checked.claim();
        let (access_key, token) = (claim.access_key(), claim.session_token());
        let proven = match claim.scope() {
            Some(scope) => {
                let found = self.signing_key(access_key, token, scope.date(), service).await?;
                found.map(|found| {
                    (checked.verify(&found.signing_key), found.principal, found.session)
                })
            }
            None => {
                let found = self.signature_v2(access_key, token, checked.string_to_sign()).await?;
                found.map(|found| {
                    (checked.verify_v2(&found.signature), found.principal, found.session)
                })
            }
        };
        let Some((verified, principal, session)) = proven else {
            return Err(refuse(checked.verify_unknown()));
        };
        Ok(caller(principal, session, &verified.map_err(refuse)?))
    }

    fn accept_v2(&self, place: SigV2Place) -> Result<(), ErrorResponse> {
        match self.presigned_v2 {
            PresignedV2::Accepted => Ok(()),
            PresignedV2::Refused => Err(refuse(AuthError::SigV2 { place })),
        }
    }

    fn expected(&self, service: &Service) -> Expected<'_> {
        let region = self.region.as_str();
        Expected { service: service.signing_name, region, now: self.clock.now() }
    }

    /// The key of whoever is said to have signed; `None` if there is no such access key.
    async fn signing_key(
        &self,
        access_key: &AccessKeyClaim,
        token: Option<&str>,
        date: &str,
        service: &Service,
    ) -> Result<Option<Credential>, ErrorResponse> {
        let AccessKeyClaim::Possible(id) = access_key else { return Ok(None) };
        let region = self.region.as_str();
        let scope = SigningScope { date, region, service: service.signing_name };
        known(self.credentials.credential(id, token, scope, self.clock.now()).await)
    }

    /// The signature that whoever is said to have signed would have made; `None` likewise.
    async fn signature_v2(
        &self,
        access_key: &AccessKeyClaim,
        token: Option<&str>,
        to_sign: &StringToSignV2,
    ) -> Result<Option<CredentialV2>, ErrorResponse> {
        let AccessKeyClaim::Possible(id) = access_key else { return Ok(None) };
        known(self.credentials.signature_v2(id, token, to_sign, self.clock.now()).await)
    }
}

fn known<T>(found: Result<T, CredentialError>) -> Result<Option<T>, ErrorResponse> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(CredentialError::UnknownAccessKey) => Ok(None),
        Err(error) => Err(failures::credential(&error)),
    }
}

fn caller(principal: Principal, session: Option<Arc<SessionFacts>>, verified: &Verified) -> Caller {
    let auth = match (verified.signature_form(), verified.signature_version()) {
        (SignatureForm::Header, _) => AuthKind::Header,
        (SignatureForm::Presigned, SignatureVersion::V4) => AuthKind::Query,
        (SignatureForm::Presigned, SignatureVersion::V2) => AuthKind::QueryV2,
        (SignatureForm::Form, SignatureVersion::V4) => AuthKind::Form,
        (SignatureForm::Form, SignatureVersion::V2) => AuthKind::FormV2,
    };
    Caller {
        principal,
        access_key_id: Some(verified.access_key_id().clone()),
        auth,
        signed: Some(verified.request_time()),
        session,
    }
}

pub(crate) fn refuse(error: AuthError) -> ErrorResponse {
    failures::response(error.s3())
}

/// The region in the scope of services that AWS has once.
const GLOBAL_REGION: &str = "us-east-1";
