use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::*;
use crate::digest::Md5;

use ChecksumAlgorithm::{
    Crc32, Crc32c as Castagnoli, Crc64Nvme, Md5 as Md5Sum, Sha1 as Sha1Sum, Sha256 as Sha256Sum,
    Sha512 as Sha512Sum, XxHash3, XxHash64, XxHash128,
};

fn checksum(algorithm: ChecksumAlgorithm, data: &[u8]) -> Checksum {
    let mut hasher = ChecksumHasher::new(algorithm);
    hasher.update(data);
    hasher.finish()
}

fn of_base64(algorithm: ChecksumAlgorithm, texts: &[&str]) -> Vec<Checksum> {
    texts.iter().map(|text| Checksum::from_base64(algorithm, text).unwrap()).collect()
}

#[test]
fn known_answers() {
    // SPEC: data-protection, 1.4, test vectors; SHA-1 from FIPS 180 and openssl.
    for (data, crc32, crc32c, crc64nvme, sha1, sha256) in [
        (
            "",
            "AAAAAA==",
            "AAAAAA==",
            "AAAAAAAAAAA=",
            "2jmj7l5rSw0yVb/vlWAYkK/YBwk=",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        ),
        (
            "123456789",
            "y/Q5Jg==",
            "4waSgw==",
            "rosUhgp5mIg=",
            "98O8HYCOBHMq32eZZczDTKeuNEE=",
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
        ),
        (
            "hello world",
            "DUoRhQ==",
            "yZRlqg==",
            "jSnVw/bqjr4=",
            "Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
            "uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
        ),
    ] {
        let expected = [crc32, crc32c, crc64nvme, sha1, sha256];
        for (algorithm, text) in ChecksumAlgorithm::ALL.into_iter().zip(expected) {
            let computed = checksum(algorithm, data.as_bytes());
            assert_eq!(computed.to_base64(), text, "{algorithm} of {data}");
            assert_eq!(Checksum::from_base64(algorithm, text), Ok(computed));
            assert_eq!(Checksum::from_bytes(algorithm, computed.as_bytes()), Ok(computed));
        }
    }
    assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    let mut pieces = super::Crc32c::default();
    pieces.update(b"1234");
    pieces.update(b"56789");
    assert_eq!(pieces.finish(), 0xe306_9283);
}

/// Computed with hashlib and with the xxhash package of Python. The lengths lie on both sides of
/// the places where XXH3 changes its way: 240 and 1,024 bytes.
#[test]
fn known_answers_of_the_later_algorithms() {
    let later = [Sha512Sum, Md5Sum, XxHash64, XxHash3, XxHash128];
    let pattern: Vec<u8> = (0..3000_u32).map(|at| ((at * 31 + 7) % 251) as u8).collect();
    for (data, expected) in [
        (
            &b""[..],
            [
                "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
                "1B2M2Y8AsgTpgAmY7PhCfg==",
                "70bbN1HY6Zk=",
                "LQaABTjTlMI=",
                "maoG0wFHmNhgAcMkRo1Jfw==",
            ],
        ),
        (
            b"123456789",
            [
                "2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/+hQ==",
                "JfnnlDI7RTiF9RgfG2JNCw==",
                "jLhB20DmroM=",
                "ctyxi2ehff8=",
                "MxGUd+3l3NXpcWQnaB1YYA==",
            ],
        ),
        (
            b"hello world",
            [
                "MJ7MSJwS1utMxA9QyQLytNDtd+5RGnx6m808qG1M2G+YndNbxf9JlnDaNCVbRbDP2DDoH2Bdz33FVC6TrpzXbw==",
                "XrY7u+Ae7tCTyyK7j1rNww==",
                "RatnNLIeaWg=",
                "1Eex6kDmmIs=",
                "340J6T+HSQCpm4d1zBW2xw==",
            ],
        ),
        (
            &pattern[..240],
            [
                "y4hOpteGU9V/GiSm+7zws+JmC1fLAeQUzxx4hjnVSQGbx8iak4+WE+VoERE/Ed+LrnbCLQPTjTPL/cLeXabQFQ==",
                "RDHeb2eFF6Op0AcgtKIKbw==",
                "LGs9k1hmAas=",
                "IvKMu/rwRH8=",
                "4p1wuJIP0kvG7UMz95OE+A==",
            ],
        ),
        (
            &pattern[..1025],
            [
                "mcPZG6OwXXqqXVlQR7Kw71BL1Ranl2WRqa9wnWR+302Crm1bsvK6lkqxGURa3ijYwHCVrzUqlnTnXG2JMeLVNw==",
                "NbAlRuNIaOe3XauMQ9R8Ng==",
                "diQQibbgdMM=",
                "E0xlK6PW+54=",
                "qQbMoPbncqcTTGUro9b7ng==",
            ],
        ),
        (
            &pattern[..],
            [
                "6MbViWiwD4brYvpebZFfGJYzcaUV/OrJWp3wr5xwyfPAeQ/Z8mp4YTyaJT3YVheKynEL4lXpByOkvQ0e1/zpMA==",
                "Anik7oSNdRitCz24NfPVsg==",
                "/W6Ix6wjDVg=",
                "S01MONPH0rY=",
                "fzC/dB+LMoJLTUw408fStg==",
            ],
        ),
    ] {
        for (algorithm, text) in later.into_iter().zip(expected) {
            let computed = checksum(algorithm, data);
            assert_eq!(computed.to_base64(), text, "{algorithm} of {} bytes", data.len());
            assert_eq!(Checksum::from_base64(algorithm, text), Ok(computed));
            assert_eq!(Checksum::from_bytes(algorithm, computed.as_bytes()), Ok(computed));
        }
    }
}

/// SPEC: data-protection, 1.4, three-part vector.
#[test]
fn the_three_part_object() {
    let contents = [vec![b'A'; 5 * 1024 * 1024], vec![b'B'; 5 * 1024 * 1024], vec![b'C'; 1024]];
    let parts =
        |algorithm| contents.iter().map(|part| checksum(algorithm, part)).collect::<Vec<_>>();
    let full = |parts: &[Checksum]| {
        let lengths = contents.iter().map(|part| part.len() as u64);
        let mut pairs = parts.iter().copied().zip(lengths);
        let (mut whole, _) = pairs.next().unwrap();
        for (part, part_bytes) in pairs {
            whole = combine_crc(&whole, &part, part_bytes).unwrap();
        }
        whole.to_base64()
    };
    let joined = |algorithm, parts: Vec<Checksum>| composite(algorithm, parts).unwrap().to_base64();

    let crc32 = parts(Crc32);
    assert_eq!(crc32, of_base64(Crc32, &["JRTCyQ==", "QoZTGg==", "nVjtfA=="]));
    assert_eq!(full(&crc32), "8AHtrQ==");
    assert_eq!(joined(Crc32, crc32), "MpSvpA==");

    let crc32c = parts(Castagnoli);
    assert_eq!(full(&crc32c), "Cis2yQ==");
    assert_eq!(joined(Castagnoli, crc32c), "Q9D93w==");

    let crc64nvme = parts(Crc64Nvme);
    let expected = ["L/E4WYn8v98=", "xW1l19VobYM=", "1ebmOe1wZ/c="];
    assert_eq!(crc64nvme, of_base64(Crc64Nvme, &expected));
    assert_eq!(full(&crc64nvme), "xxRR3/Pm+SU=");

    let sha256 = parts(Sha256Sum);
    let expected = [
        "275VF5loJr1YYawit0XSHREhkFXYkkPKGuoK0x9VKxI=",
        "mrHwOfjTL5Zwfj74F05HOQGLdUb7E5szdCbxgUSq6NM=",
        "QYvMHQp1qtqTNJ8p1SPjiu2X7+eU30wZccMRsrT3Ut0=",
    ];
    assert_eq!(sha256, of_base64(Sha256Sum, &expected));
    assert_eq!(joined(Sha256Sum, sha256), "dSvoessRmpyUUVWWQXCyAEEEsrnt8aNOuM0Nwz+VVhU=");

    // Computed with hashlib and with the xxhash package of Python.
    for (algorithm, expected) in [
        (
            Sha512Sum,
            "xCBVxaxq5X8nm81l0rko1VR3bBnX0VMTQVUg7lp/Rf8L7gZAjlbFPEaWQGQX9mL2XLnjwa9/iO3jcAikT7yuNw==",
        ),
        (Md5Sum, "HD2vzyFJx7Yj0jYWNvZSjA=="),
        (XxHash64, "mVhipcmceto="),
        (XxHash3, "hLLesj58IzY="),
        (XxHash128, "qWhtaW6L/Qd+ebi6WjphMQ=="),
    ] {
        assert_eq!(joined(algorithm, parts(algorithm)), expected);
    }

    let md5 = |data: &[u8]| {
        let mut md5 = Md5::new();
        md5.update(data);
        md5.finish()
    };
    let show = |digest: [u8; 16]| data_encoding::HEXLOWER.encode(&digest);
    let part_digests: Vec<_> = contents.iter().map(|part| md5(part)).collect();
    let expected = [
        "b8fc857a25e7958868c2f003d5e0952d",
        "ba8c3fac0e224c9b79a8e74bebd54654",
        "5d595ff36d2b3089d48bae3098c8ba10",
    ];
    assert_eq!(part_digests.iter().copied().map(show).collect::<Vec<_>>(), expected);
    assert_eq!(show(md5(&part_digests.concat())), "1c3dafcf2149c7b623d2361636f6528c");
}

#[test]
fn only_the_exact_names_are_known() {
    for algorithm in ChecksumAlgorithm::ALL {
        assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
        assert_eq!(ChecksumAlgorithm::from_header_name(algorithm.header_name()), Some(algorithm));
        let suffix = algorithm.as_str().to_ascii_lowercase();
        assert_eq!(algorithm.header_name(), format!("x-amz-checksum-{suffix}"));
    }
    for bad in ["", "crc32", "CRC-32", "md5", "SHA384", "XXHASH32", " CRC32", "CRC32 "] {
        assert!(bad.parse::<ChecksumAlgorithm>().is_err(), "{bad}");
    }
    for bad in ["x-amz-checksum-type", "x-amz-checksum-", "x-amz-checksum-xxh64", "crc32"] {
        assert_eq!(ChecksumAlgorithm::from_header_name(bad), None, "{bad}");
    }
    assert_eq!("COMPOSITE".parse(), Ok(ChecksumType::Composite));
    assert_eq!("FULL_OBJECT".parse(), Ok(ChecksumType::FullObject));
    assert!("full_object".parse::<ChecksumType>().is_err());
}

#[test]
fn types_follow_the_matrix() {
    for (algorithm, as_composite, as_full_object, default) in [
        (Crc32, true, true, ChecksumType::Composite),
        (Castagnoli, true, true, ChecksumType::Composite),
        (Crc64Nvme, false, true, ChecksumType::FullObject),
        (Sha1Sum, true, false, ChecksumType::Composite),
        (Sha256Sum, true, false, ChecksumType::Composite),
        (Sha512Sum, true, false, ChecksumType::Composite),
        (Md5Sum, true, false, ChecksumType::Composite),
        (XxHash64, true, false, ChecksumType::Composite),
        (XxHash3, true, false, ChecksumType::Composite),
        (XxHash128, true, false, ChecksumType::Composite),
    ] {
        assert_eq!(algorithm.allows(ChecksumType::Composite), as_composite, "{algorithm}");
        assert_eq!(algorithm.allows(ChecksumType::FullObject), as_full_object, "{algorithm}");
        assert_eq!(algorithm.default_type(), default, "{algorithm}");
    }
}

#[test]
fn text_that_is_no_digest_is_refused_by_kind() {
    let too_short = Err(ChecksumError::TooShort { algorithm: Crc32 });
    let malformed = Err(ChecksumError::Malformed { algorithm: Crc32 });
    for text in ["", "bad", "AAAAAA=", "AAAA"] {
        assert_eq!(Checksum::from_base64(Crc32, text), too_short, "{text}");
    }
    // Wrong alphabet, no padding, five bytes, six bytes, trailing bits, white space, too long.
    for text in [
        "AAA=AAA=",
        "AAAA-A==",
        "AAAAAAAA",
        "AAAAAAA=",
        "AAAAAB==",
        "AAAAAA=\n",
        "AAAAAAAAAAA=",
        "ÄÄÄÄ",
    ] {
        assert_eq!(Checksum::from_base64(Crc32, text), malformed, "{text}");
    }
    assert_eq!(Checksum::from_bytes(Crc32, &[0; 3]), too_short);
    assert_eq!(Checksum::from_bytes(Crc32, &[0; 5]), malformed);
}

#[test]
fn checksums_that_do_not_join_are_refused() {
    let (crc32, crc32c) = (checksum(Crc32, b"a"), checksum(Castagnoli, b"a"));
    let mismatch = CombineError::AlgorithmMismatch { expected: Crc32, found: Castagnoli };
    assert_eq!(combine_crc(&crc32, &crc32c, 1), Err(mismatch));
    assert_eq!(composite(Crc32, [crc32, crc32c]), Err(mismatch));
    let sha256 = checksum(Sha256Sum, b"a");
    assert!(combine_crc(&sha256, &sha256, 1).is_err());
    assert!(composite(Crc64Nvme, [checksum(Crc64Nvme, b"a")]).is_err());
}

#[test]
fn a_checksum_shows_itself_in_debug() {
    assert_eq!(format!("{:?}", checksum(Crc32, b"hello world")), "Checksum(CRC32 DUoRhQ==)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pieces_and_combination_agree_with_the_whole(
        data in proptest::collection::vec(any::<u8>(), 0..3000),
        at in any::<proptest::sample::Index>(),
    ) {
        let (head, tail) = data.split_at(at.index(data.len() + 1));
        for algorithm in ChecksumAlgorithm::ALL {
            let whole = checksum(algorithm, &data);
            let mut hasher = ChecksumHasher::new(algorithm);
            hasher.update(head);
            hasher.update(tail);
            prop_assert_eq!(hasher.finish(), whole);
            if algorithm.allows(ChecksumType::FullObject) {
                let (first, second) = (checksum(algorithm, head), checksum(algorithm, tail));
                prop_assert_eq!(combine_crc(&first, &second, tail.len() as u64), Ok(whole));
            }
        }
    }
}
