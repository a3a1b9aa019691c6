//! Where the two copies lie in the file: in alternating stripes, so that the file is small while
//! the table is, and no write to one copy touches a sector of the other.

use std::io;
use std::sync::Arc;

use crate::disk::DiskFile;

use super::image::{IMAGE_BYTES_MAX, Image, ImageError};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    First,
    Second,
}

/// The order in which a change is written. An open relies on it: as long as the second copy is
/// blank, the file was never handed to anyone.
pub(super) const ORDER: [Side; 2] = [Side::First, Side::Second];

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }

    /// Where stripe `number` of this copy starts.
    fn offset(self, number: u64) -> u64 {
        let stripe = match self {
            Self::First => number * 2,
            Self::Second => number * 2 + 1,
        };
        stripe * STRIPE_BYTES as u64
    }
}

/// What lies in the place of a copy.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing was ever written there.
    Blank,
    Broken(ImageError),
    Whole(Image),
}

impl Found {
    pub(super) fn sequence(&self) -> Option<u64> {
        match self {
            Self::Whole(image) => Some(image.sequence()),
            Self::Blank | Self::Broken(_) => None,
        }
    }
}

#[derive(Debug)]
pub(super) struct Copies {
    file: Arc<dyn DiskFile>,
    /// Stripes of a copy that may hold bytes of earlier tables, to be overwritten as well.
    stripes: u64,
}

impl Copies {
    pub(super) fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, stripes: 0 }
    }

    pub(super) fn read(&mut self) -> io::Result<[Found; 2]> {
        let file_bytes = self.file.len()?.min(FILE_BYTES_MAX);
        self.stripes = file_bytes.div_ceil(2 * STRIPE_BYTES as u64);
        Ok([self.read_one(Side::First, file_bytes)?, self.read_one(Side::Second, file_bytes)?])
    }

    fn read_one(&self, side: Side, file_bytes: u64) -> io::Result<Found> {
        let mut bytes = Vec::new();
        for number in 0..self.stripes {
            let offset = side.offset(number);
            let there = file_bytes.saturating_sub(offset).min(STRIPE_BYTES as u64);
            if there == 0 {
                break;
            }
            let mut stripe = vec![0; usize::try_from(there).unwrap_or(STRIPE_BYTES)];
            self.file.read_at(offset, &mut stripe)?;
            bytes.append(&mut stripe);
        }
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(Found::Blank);
        }
        Ok(match Image::parse(&bytes) {
            Ok(image) => Found::Whole(image),
            Err(error) => Found::Broken(error),
        })
    }

    /// Extends the file by zeros until both copies of such a length have room, so that a full drive
    /// is met before anything of either copy is overwritten.
    pub(super) fn make_room(&mut self, image_bytes: usize) -> io::Result<()> {
        for number in self.stripes..image_bytes.div_ceil(STRIPE_BYTES) as u64 {
            for side in ORDER {
                self.file.write_at(side.offset(number), &[0; STRIPE_BYTES])?;
            }
            self.stripes = number + 1;
        }
        Ok(())
    }

    /// Replaces a copy, with zeros behind it up to the end of whatever was there before, and makes
    /// it durable.
    pub(super) fn write(&mut self, side: Side, image: &[u8]) -> io::Result<()> {
        let mut pieces = image.chunks(STRIPE_BYTES);
        let stripes = self.stripes.max(image.len().div_ceil(STRIPE_BYTES) as u64);
        let file_bytes = self.file.len()?;
        for number in 0..stripes {
            let offset = side.offset(number);
            // Behind the image no more is overwritten than is there: that takes no room.
            let there = file_bytes.saturating_sub(offset).min(STRIPE_BYTES as u64);
            let mut stripe = vec![0; usize::try_from(there).unwrap_or(STRIPE_BYTES)];
            if let Some(piece) = pieces.next() {
                stripe = piece.to_vec();
                stripe.resize(STRIPE_BYTES, 0);
            }
            self.file.write_at(offset, &stripe)?;
        }
        self.stripes = stripes;
        self.file.sync()
    }
}

const STRIPE_BYTES: usize = 16 * 1024; // some 330 keys; a multiple of any sector
const FILE_BYTES_MAX: u64 = 2 * (IMAGE_BYTES_MAX as u64).next_multiple_of(STRIPE_BYTES as u64);
