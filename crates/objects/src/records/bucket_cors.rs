//! The record of a bucket's CORS rules.

use strongroom_wire::{CorsMethod, CorsRule, CorsRules};

use super::codec::{Decoder, Encoder, RecordError};

/// The CORS rules of a bucket. They have a record of their own: only requests of pages need them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BucketCorsRecord {
    /// The rules, in their order.
    pub(crate) rules: CorsRules,
}

impl BucketCorsRecord {
    /// The record as bytes.
    ///
    /// # Errors
    /// If a text is longer than its field holds; the limits of rules lie below.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, RecordError> {
        let mut out = Encoder::new(FORMAT_VERSION);
        out.count16("rules", self.rules.rules().len());
        for rule in self.rules.rules() {
            out.flag(rule.id.is_some());
            out.text("rule id", rule.id.as_deref().unwrap_or_default());
            encode_texts(&mut out, &rule.allowed_headers);
            out.count16("methods", rule.allowed_methods.len());
            for method in &rule.allowed_methods {
                out.u8(number_of(*method));
            }
            encode_texts(&mut out, &rule.allowed_origins);
            encode_texts(&mut out, &rule.expose_headers);
            out.flag(rule.max_age_seconds.is_some());
            out.u32(rule.max_age_seconds.unwrap_or_default());
        }
        out.finish()
    }

    /// Reads a record back.
    ///
    /// # Errors
    /// If the bytes are not those of a record.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut input = Decoder::new(bytes, FORMAT_VERSION)?;
        let count = input.u16()?;
        let rules = (0..count).map(|_| decode_rule(&mut input)).collect::<Result<_, _>>()?;
        input.finish()?;
        let rules = CorsRules::new(rules).map_err(|_| RecordError::Invalid("rule"))?;
        Ok(Self { rules })
    }
}

fn decode_rule(input: &mut Decoder<'_>) -> Result<CorsRule, RecordError> {
    let has_id = input.flag("rule id")?;
    let id = input.text("rule id")?.to_owned();
    let allowed_headers = decode_texts(input)?;
    let methods = input.u16()?;
    let methods = (0..methods).map(|_| method_of(input.u8()?));
    let allowed_methods = methods.collect::<Result<_, _>>()?;
    let allowed_origins = decode_texts(input)?;
    let expose_headers = decode_texts(input)?;
    let has_age = input.flag("maximal age")?;
    let seconds = input.u32()?;
    if (!has_id && !id.is_empty()) || (!has_age && seconds != 0) {
        return Err(RecordError::Invalid("absent field"));
    }
    let (id, max_age_seconds) = (has_id.then_some(id), has_age.then_some(seconds));
    Ok(CorsRule {
        id,
        allowed_headers,
        allowed_methods,
        allowed_origins,
        expose_headers,
        max_age_seconds,
    })
}

fn encode_texts(out: &mut Encoder, texts: &[String]) {
    out.count16("texts", texts.len());
    texts.iter().for_each(|text| out.text("text", text));
}

fn decode_texts(input: &mut Decoder<'_>) -> Result<Vec<String>, RecordError> {
    let count = input.u16()?;
    (0..count).map(|_| input.text("text").map(str::to_owned)).collect()
}

fn number_of(method: CorsMethod) -> u8 {
    match method {
        CorsMethod::Get => 0,
        CorsMethod::Put => 1,
        CorsMethod::Post => 2,
        CorsMethod::Delete => 3,
        CorsMethod::Head => 4,
    }
}

fn method_of(number: u8) -> Result<CorsMethod, RecordError> {
    let method = CorsMethod::ALL.into_iter().find(|method| number_of(*method) == number);
    method.ok_or(RecordError::Invalid("method"))
}

const FORMAT_VERSION: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn record(rules: Vec<CorsRule>) -> BucketCorsRecord {
        BucketCorsRecord { rules: CorsRules::new(rules).unwrap() }
    }

    fn bare() -> CorsRule {
        CorsRule {
            id: None,
            allowed_headers: Vec::new(),
            allowed_methods: vec![CorsMethod::Get],
            allowed_origins: vec!["*".into()],
            expose_headers: Vec::new(),
            max_age_seconds: None,
        }
    }

    #[test]
    fn rules_are_read_back_and_damage_is_found() {
        let full = CorsRule {
            id: Some("i".into()),
            allowed_headers: vec!["h".into()],
            allowed_methods: CorsMethod::ALL.to_vec(),
            allowed_origins: vec!["o".into(), "p*".into()],
            expose_headers: vec!["e".into()],
            max_age_seconds: Some(258),
        };
        let record = record(vec![full, bare()]);
        let bytes = record.encode().unwrap();
        let expected: &[u8] = b"\x01\0\x02\
            \x01\0\x01i\0\x01\0\x01h\0\x05\0\x01\x02\x03\x04\0\x02\0\x01o\0\x02p*\0\x01\0\x01e\
            \x01\0\0\x01\x02\
            \0\0\0\0\0\0\x01\0\0\x01\0\x01*\0\0\0\0\0\0\0";
        assert_eq!(bytes, expected);
        assert_eq!(BucketCorsRecord::decode(&bytes), Ok(record));
        for length in 0..bytes.len() {
            assert!(BucketCorsRecord::decode(&bytes[..length]).is_err());
        }
        assert!(BucketCorsRecord::decode(&[bytes.as_slice(), b"x"].concat()).is_err());
        for place in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[place] ^= 0x40;
            // Damage is found, or it is another record; nothing panics.
            assert!(BucketCorsRecord::decode(&damaged).is_err() || damaged[place] != bytes[place]);
        }
    }

    #[test]
    fn what_no_writer_puts_there_is_refused() {
        let bytes = record(vec![bare()]).encode().unwrap();
        let place_of_method = bytes.iter().position(|byte| *byte == b'*').unwrap() - 5;
        let mut damaged = bytes.clone();
        damaged[place_of_method] = 5;
        assert_eq!(BucketCorsRecord::decode(&damaged), Err(RecordError::Invalid("method")));
        let mut damaged = bytes.clone();
        *damaged.last_mut().unwrap() = 1;
        assert_eq!(BucketCorsRecord::decode(&damaged), Err(RecordError::Invalid("absent field")));
        let none = [1, 0, 0];
        assert_eq!(BucketCorsRecord::decode(&none), Err(RecordError::Invalid("rule")));
    }

    #[test]
    fn the_largest_rules_fit_a_value() {
        // Short texts have the most of their own beside the text.
        let origins = vec!["o".to_owned(); 2_045];
        let rule = CorsRule { allowed_origins: origins, ..bare() };
        assert!(record(vec![rule]).encode().unwrap().len() < strongroom_store::VALUE_BYTES_MAX);
        let long = CorsRule { allowed_origins: vec!["o".repeat(65_450)], ..bare() };
        assert!(record(vec![long]).encode().unwrap().len() < strongroom_store::VALUE_BYTES_MAX);
    }
}
