//! Moments in time, and the three ways in which AWS writes them.

use std::fmt;
use std::time::Duration;

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::{Rfc2822, Rfc3339};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A moment: microseconds since 1970-01-01T00:00:00Z, years 1970 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// Text or a number that is no moment in the years 1970 to 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a date in a known format")]
pub struct TimestampError;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// The moment this many microseconds after the epoch.
    ///
    /// # Errors
    /// After the year 9999.
    pub fn from_micros(micros: u64) -> Result<Self, TimestampError> {
        if micros > MICROS_MAX {
            return Err(TimestampError);
        }
        Ok(Self(micros))
    }

    /// The moment this many seconds after the epoch.
    ///
    /// # Errors
    /// After the year 9999.
    pub fn from_seconds(seconds: u64) -> Result<Self, TimestampError> {
        Self::from_micros(seconds.checked_mul(MICROS_PER_SECOND).ok_or(TimestampError)?)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub fn micros(self) -> u64 {
        self.0
    }

    /// Whole seconds since the epoch.
    #[must_use]
    pub fn seconds(self) -> u64 {
        self.0 / MICROS_PER_SECOND
    }

    /// The same moment without its fraction of a second, as HTTP dates compare.
    #[must_use]
    pub fn floor_to_second(self) -> Self {
        Self(self.seconds() * MICROS_PER_SECOND)
    }

    /// This moment plus a span; stays at the end of 9999.
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros).min(MICROS_MAX))
    }

    /// The span from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The span between two moments, whichever is first.
    #[must_use]
    pub fn distance(self, other: Self) -> Duration {
        Duration::from_micros(self.0.abs_diff(other.0))
    }

    /// `2026-01-02T03:04:05.000Z`, as in XML bodies.
    #[must_use]
    pub fn to_iso8601(self) -> String {
        self.format(ISO8601_MILLIS)
    }

    /// `Fri, 02 Jan 2026 03:04:05 GMT`, as in HTTP headers.
    #[must_use]
    pub fn to_http_date(self) -> String {
        self.format(HTTP_DATE)
    }

    /// `20260102T030405Z`, as in `x-amz-date`.
    #[must_use]
    pub fn to_amz_date(self) -> String {
        self.format(AMZ_DATE)
    }

    /// `20260102`, as in a credential scope.
    #[must_use]
    pub fn to_scope_date(self) -> String {
        self.format(SCOPE_DATE)
    }

    /// Reads `20260102T030405Z`.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_amz_date(text: &str) -> Result<Self, TimestampError> {
        let moment = PrimitiveDateTime::parse(text, AMZ_DATE).map_err(|_| TimestampError)?;
        Self::from_offset(moment.assume_utc())
    }

    /// Reads an ISO 8601 moment with `Z` or an offset, with or without a fraction.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_iso8601(text: &str) -> Result<Self, TimestampError> {
        OffsetDateTime::parse(text, &Rfc3339)
            .map_err(|_| TimestampError)
            .and_then(Self::from_offset)
    }

    /// Reads a date as HTTP allows it (RFC 9110, 5.6.7): IMF-fixdate, RFC 850 or asctime.
    ///
    /// # Errors
    /// If the text has any other form.
    pub fn parse_http_date(text: &str) -> Result<Self, TimestampError> {
        if let Ok(moment) = PrimitiveDateTime::parse(text, HTTP_DATE) {
            return Self::from_offset(moment.assume_utc());
        }
        if let Ok(moment) = OffsetDateTime::parse(text, &Rfc2822) {
            return Self::from_offset(moment);
        }
        let moment = PrimitiveDateTime::parse(text, ASCTIME).map_err(|_| TimestampError)?;
        Self::from_offset(moment.assume_utc())
    }

    fn format(self, form: &[BorrowedFormatItem<'_>]) -> String {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1000);
        // INVARIANT: years 1970 to 9999 are inside what `time` can format, so neither step fails.
        moment.ok().and_then(|moment| moment.format(form).ok()).unwrap_or_default()
    }

    fn from_offset(moment: OffsetDateTime) -> Result<Self, TimestampError> {
        let micros = moment.unix_timestamp_nanos() / 1000;
        u64::try_from(micros).map_err(|_| TimestampError).and_then(Self::from_micros)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_iso8601())
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

const MICROS_PER_SECOND: u64 = 1_000_000;
const MICROS_MAX: u64 = 253_402_300_799_999_999; // 9999-12-31T23:59:59.999999Z

const ISO8601_MILLIS: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
const HTTP_DATE: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT"
);
const ASCTIME: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short] [month repr:short] [day padding:space] [hour]:[minute]:[second] [year]"
);
const AMZ_DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");
const SCOPE_DATE: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Timestamp = Timestamp(1_767_323_045_678_901);

    #[test]
    fn formats_are_those_of_aws() {
        assert_eq!(MOMENT.to_iso8601(), "2026-01-02T03:04:05.678Z");
        assert_eq!(MOMENT.to_http_date(), "Fri, 02 Jan 2026 03:04:05 GMT");
        assert_eq!(MOMENT.to_amz_date(), "20260102T030405Z");
        assert_eq!(MOMENT.to_scope_date(), "20260102");
        assert_eq!(Timestamp(MICROS_MAX).to_iso8601(), "9999-12-31T23:59:59.999Z");
    }

    #[test]
    fn what_is_written_is_read() {
        let seconds = MOMENT.floor_to_second();
        assert_eq!(Timestamp::parse_amz_date(&MOMENT.to_amz_date()), Ok(seconds));
        assert_eq!(Timestamp::parse_http_date(&MOMENT.to_http_date()), Ok(seconds));
        assert_eq!(Timestamp::parse_iso8601("2026-01-02T04:04:05+01:00"), Ok(seconds));
        assert_eq!(Timestamp::parse_http_date("Fri Jan  2 03:04:05 2026"), Ok(seconds));
    }

    #[test]
    fn other_text_is_refused() {
        for bad in ["", "2026", "20260102T030405", "20260102T030405z", "20261302T030405Z"] {
            assert!(Timestamp::parse_amz_date(bad).is_err(), "{bad}");
        }
        assert!(Timestamp::parse_iso8601("1969-12-31T23:59:59Z").is_err());
        assert!(Timestamp::from_micros(MICROS_MAX + 1).is_err());
    }
}
