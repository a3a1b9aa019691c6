//! Making temporary credentials for callers of STS.

use std::time::Duration;

use strongroom_store::KeyName;
use strongroom_types::AccountId;

use crate::iam::error::IamError;
use crate::session::{Given, SessionBearer, SessionClaims, SessionCredentials};
use crate::{Identity, IdentityError, generate};

impl Identity {
    /// Makes temporary credentials. Nothing of them is stored, but that the request is recorded.
    pub(crate) fn issue(
        &self,
        account: AccountId,
        bearer: SessionBearer,
        given: Given,
        lifetime: Duration,
    ) -> Result<SessionCredentials, IamError> {
        let (packed, packed_max) = given.packed();
        if packed > packed_max {
            let percent = percent(packed, packed_max);
            let message = format!(
                "packed size of session policies and tags is {percent} percent of the limit"
            );
            return Err(IamError::PackedPolicyTooLarge(message));
        }
        // Answers tell the end in whole seconds.
        let issued = self.clock.now();
        let expires = issued.saturating_add(lifetime).floor_to_second();
        let entropy = &*self.entropy;
        let secret_access_key =
            generate::secret_access_key(entropy).map_err(IdentityError::from)?;
        let claims = SessionClaims { account, bearer, issued, expires, secret_access_key, given };
        let access_key_id =
            generate::temporary_access_key_id(entropy).map_err(IdentityError::from)?;
        let token_key = self.store.keys.get(&KeyName::Token).map_err(IdentityError::from)?;
        let session_token = claims.seal(&access_key_id, &token_key, entropy);
        let session_token = session_token.map_err(IdentityError::from)?;
        Ok(SessionCredentials {
            account,
            access_key_id,
            secret_access_key: claims.secret_access_key,
            session_token,
            expires,
        })
    }
}

/// How much of its limit something takes, in whole percent, rounded up.
pub(crate) fn percent(part: usize, whole: usize) -> usize {
    part.saturating_mul(100).div_ceil(whole.max(1))
}
