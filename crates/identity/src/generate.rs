//! Ids and secrets out of randomness, in the forms that AWS gives them.

use data_encoding::{BASE32_NOPAD, BASE64};
use strongroom_crypto::{Secret, SecretText};
use strongroom_types::{AccessKeyId, AccountId, CanonicalUserId, Entropy, EntropyError, RequestId};

/// 12 digits, the first not 0, so that tools which take the id for a number do not shorten it.
pub(crate) fn account_id(entropy: &dyn Entropy) -> Result<AccountId, EntropyError> {
    for _ in 0..DRAWS_MAX {
        let drawn = u64::from_be_bytes(array(entropy)?);
        // Drawn numbers above the last whole multiple would favour small ids.
        if drawn >= DRAW_END {
            continue;
        }
        let number = ACCOUNT_NUMBER_MIN + drawn % ACCOUNT_NUMBERS;
        return AccountId::from_number(number).map_err(|_| EntropyError);
    }
    Err(EntropyError)
}

/// 32 random bytes.
pub(crate) fn canonical_user_id(entropy: &dyn Entropy) -> Result<CanonicalUserId, EntropyError> {
    Ok(CanonicalUserId::from_bytes(array(entropy)?))
}

/// The id of an audit event that no HTTP request caused.
pub(crate) fn request_id(entropy: &dyn Entropy) -> Result<RequestId, EntropyError> {
    Ok(RequestId::from_bytes(array(entropy)?))
}

/// `AKIA...`: 20 characters, 80 random bits.
pub(crate) fn long_term_access_key_id(entropy: &dyn Entropy) -> Result<AccessKeyId, EntropyError> {
    access_key_id("AKIA", entropy)
}

/// `ASIA...`: 20 characters, 80 random bits.
pub(crate) fn temporary_access_key_id(entropy: &dyn Entropy) -> Result<AccessKeyId, EntropyError> {
    access_key_id("ASIA", entropy)
}

fn access_key_id(prefix: &str, entropy: &dyn Entropy) -> Result<AccessKeyId, EntropyError> {
    let random: [u8; ACCESS_KEY_ID_RANDOM_BYTES] = array(entropy)?;
    let id = format!("{prefix}{}", BASE32_NOPAD.encode(&random));
    id.parse().map_err(|_| EntropyError)
}

/// 40 characters of the base64 alphabet, 240 random bits.
pub(crate) fn secret_access_key(entropy: &dyn Entropy) -> Result<SecretText, EntropyError> {
    let random = Secret::<SECRET_RANDOM_BYTES>::random(entropy)?;
    Ok(SecretText::new(BASE64.encode(random.danger_expose())))
}

/// The unique id of a user, group, role or policy: a prefix of 4 letters and 17 characters of base
/// 32, 85 random bits.
pub(crate) fn unique_id(prefix: &str, entropy: &dyn Entropy) -> Result<String, EntropyError> {
    let random: [u8; UNIQUE_ID_RANDOM_BYTES] = array(entropy)?;
    let text = BASE32_NOPAD.encode(&random);
    Ok(prefix.chars().chain(text.chars().take(UNIQUE_ID_CHARS)).collect())
}

fn array<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

const ACCESS_KEY_ID_RANDOM_BYTES: usize = 10; // 16 characters of base 32
const UNIQUE_ID_RANDOM_BYTES: usize = 11; // 18 characters of base 32
const UNIQUE_ID_CHARS: usize = 17;
const SECRET_RANDOM_BYTES: usize = 30; // 40 characters of base 64
const ACCOUNT_NUMBER_MIN: u64 = 100_000_000_000;
const ACCOUNT_NUMBERS: u64 = 900_000_000_000;
const DRAW_END: u64 = u64::MAX - u64::MAX % ACCOUNT_NUMBERS;
const DRAWS_MAX: usize = 16; // one draw in twenty million is thrown away

#[cfg(test)]
mod tests {
    use strongroom_crypto::SystemEntropy;

    use super::*;

    #[derive(Debug)]
    struct Constant(u8);

    impl Entropy for Constant {
        fn fill(&self, out: &mut [u8]) -> Result<(), EntropyError> {
            out.fill(self.0);
            Ok(())
        }
    }

    #[test]
    fn ids_and_secrets_have_the_forms_of_aws() {
        for _ in 0..200 {
            let account = account_id(&SystemEntropy).unwrap().to_string();
            assert!(account.len() == 12 && !account.starts_with('0'), "{account}");
            let id = long_term_access_key_id(&SystemEntropy).unwrap();
            assert!(id.as_str().len() == 20 && id.as_str().starts_with("AKIA"), "{id}");
            assert!(!id.is_temporary());
            let id = temporary_access_key_id(&SystemEntropy).unwrap();
            assert!(id.as_str().len() == 20 && id.is_temporary(), "{id}");
            assert_eq!(secret_access_key(&SystemEntropy).unwrap().danger_expose().len(), 40);
        }
    }

    #[test]
    fn entropy_that_cannot_give_a_fair_number_is_refused() {
        assert!(account_id(&Constant(0xff)).is_err());
        assert_eq!(account_id(&Constant(0)).unwrap().to_string(), "100000000000");
    }
}
