use strongroom_types::{Timestamp, VersionId};

use super::{
    Condition, DeleteConditions, ReadConditions, ReadVerdict, WriteCondition, WriteConditionError,
    WriteRefusal,
};
use crate::records::{Etag, LockState, ObjectKind, ObjectMetadata, ObjectRecord};

const ETAG: &str = "\"abababababababababababababababab\"";
const OTHER: &str = "\"cdababababababababababababababab\"";
const WRITTEN: u64 = 1_000_000;

fn object() -> ObjectRecord {
    ObjectRecord {
        kind: ObjectKind::Object,
        version_id: VersionId::Null,
        last_modified: Timestamp::from_micros(WRITTEN * 1_000_000 + 999_999).unwrap(),
        object_bytes: 3,
        etag: Etag::of_md5([0xab; 16]),
        checksum: None,
        data_key: None,
        metadata: ObjectMetadata::default(),
        tags: Vec::new(),
        parts: None,
        lock: LockState::default(),
    }
}

fn date(seconds: u64) -> Option<Timestamp> {
    Some(Timestamp::from_seconds(seconds).unwrap())
}

#[track_caller]
fn check_read(conditions: ReadConditions, expected: ReadVerdict) {
    assert_eq!(conditions.judge(&object()), expected);
}

#[test]
fn reads_follow_the_table_of_combinations() {
    let none = ReadConditions::default;
    let (hit, miss) = (Some(ETAG.to_owned()), Some(OTHER.to_owned()));
    check_read(none(), ReadVerdict::Proceed);
    check_read(ReadConditions { if_match: hit.clone(), ..none() }, ReadVerdict::Proceed);
    check_read(
        ReadConditions { if_match: miss.clone(), ..none() },
        ReadVerdict::Failed(Condition::Match),
    );
    check_read(
        ReadConditions { if_none_match: hit.clone(), ..none() },
        ReadVerdict::NotModified(Condition::NoneMatch),
    );
    check_read(ReadConditions { if_none_match: miss.clone(), ..none() }, ReadVerdict::Proceed);
    // A true If-Match outweighs a false If-Unmodified-Since.
    check_read(
        ReadConditions { if_match: hit.clone(), if_unmodified_since: date(1), ..none() },
        ReadVerdict::Proceed,
    );
    // A matching If-None-Match outweighs a true If-Modified-Since.
    check_read(
        ReadConditions { if_none_match: hit.clone(), if_modified_since: date(1), ..none() },
        ReadVerdict::NotModified(Condition::NoneMatch),
    );
    // A miss of If-None-Match leaves If-Modified-Since aside.
    check_read(
        ReadConditions { if_none_match: miss.clone(), if_modified_since: date(WRITTEN), ..none() },
        ReadVerdict::Proceed,
    );
    // 412 comes before 304.
    check_read(
        ReadConditions { if_match: miss, if_none_match: hit, ..none() },
        ReadVerdict::Failed(Condition::Match),
    );
}

#[test]
fn dates_compare_by_the_second() {
    let none = ReadConditions::default;
    let modified = |seconds| ReadConditions { if_modified_since: date(seconds), ..none() };
    check_read(modified(WRITTEN - 1), ReadVerdict::Proceed);
    check_read(modified(WRITTEN), ReadVerdict::NotModified(Condition::ModifiedSince));
    check_read(modified(WRITTEN + 1), ReadVerdict::NotModified(Condition::ModifiedSince));
    let unmodified = |seconds| ReadConditions { if_unmodified_since: date(seconds), ..none() };
    check_read(unmodified(WRITTEN - 1), ReadVerdict::Failed(Condition::UnmodifiedSince));
    check_read(unmodified(WRITTEN), ReadVerdict::Proceed);
}

#[test]
fn lists_weak_tags_bare_tags_and_stars_are_understood() {
    let bare = ETAG.trim_matches('"');
    for text in [bare, "*", &format!("{OTHER}, {ETAG}"), &format!("W/{ETAG}"), &format!(" {bare} ")]
    {
        let conditions =
            ReadConditions { if_match: Some(text.to_owned()), ..ReadConditions::default() };
        check_read(conditions, ReadVerdict::Proceed);
    }
    for text in ["", ",", "\"", &format!("{ETAG}x"), &format!("{bare}-1")] {
        let conditions =
            ReadConditions { if_match: Some(text.to_owned()), ..ReadConditions::default() };
        check_read(conditions, ReadVerdict::Failed(Condition::Match));
    }
}

#[test]
fn write_conditions_are_absent_or_match() {
    let new = |if_match: Option<&str>, if_none_match: Option<&str>| {
        WriteCondition::new(if_match.map(Into::into), if_none_match.map(Into::into))
    };
    assert_eq!(new(None, None), Ok(WriteCondition::Always));
    assert_eq!(new(None, Some("*")), Ok(WriteCondition::Absent));
    assert_eq!(new(Some(ETAG), None), Ok(WriteCondition::Match(ETAG.into())));
    assert_eq!(new(None, Some(ETAG)), Err(WriteConditionError::NoneMatchEtag));
    assert_eq!(new(Some(ETAG), Some("*")), Err(WriteConditionError::Both));
}

#[test]
fn writes_are_judged_against_the_current_object() {
    let object = object();
    let marker = ObjectRecord { kind: ObjectKind::DeleteMarker, ..object.clone() };
    let matching = WriteCondition::Match(ETAG.into());
    let stale = WriteCondition::Match(OTHER.into());
    for current in [None, Some(&marker)] {
        assert_eq!(WriteCondition::Always.judge(current), Ok(()));
        assert_eq!(WriteCondition::Absent.judge(current), Ok(()));
        assert_eq!(matching.judge(current), Err(WriteRefusal::NoObject));
    }
    let failed = |condition| Err(WriteRefusal::Failed(condition));
    assert_eq!(WriteCondition::Always.judge(Some(&object)), Ok(()));
    assert_eq!(WriteCondition::Absent.judge(Some(&object)), failed(Condition::NoneMatch));
    assert_eq!(matching.judge(Some(&object)), Ok(()));
    assert_eq!(stale.judge(Some(&object)), failed(Condition::Match));
}

#[test]
fn deletions_are_judged_by_etag_size_and_date() {
    let object = object();
    let none = DeleteConditions::default;
    assert_eq!(none().judge(&object), Ok(()));
    for (conditions, expected) in [
        (DeleteConditions { if_match: Some("*".into()), ..none() }, Ok(())),
        (DeleteConditions { if_match: Some(ETAG.into()), ..none() }, Ok(())),
        (DeleteConditions { if_match: Some(OTHER.into()), ..none() }, Err(Condition::Match)),
        (DeleteConditions { if_match_size: Some(3), ..none() }, Ok(())),
        (DeleteConditions { if_match_size: Some(4), ..none() }, Err(Condition::MatchSize)),
        (DeleteConditions { if_match_last_modified: date(WRITTEN), ..none() }, Ok(())),
        (
            DeleteConditions { if_match_last_modified: date(WRITTEN + 1), ..none() },
            Err(Condition::MatchLastModifiedTime),
        ),
    ] {
        assert_eq!(conditions.judge(&object), expected);
    }
}
