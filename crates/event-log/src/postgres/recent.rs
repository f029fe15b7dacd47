//! The newest records of each partition that someone in this process reads.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use crate::Delivered;

/// Most records kept of one partition.
const RECORDS: usize = 256;
/// Most bytes kept of one partition.
const BYTES: usize = 256 * 1024;

/// The newest records, in memory. Whatever is not here is read from the tables.
#[derive(Default)]
pub(super) struct Recent {
    partitions: Mutex<HashMap<(i32, i32), Tail>>,
}

/// Consecutive records of one partition.
#[derive(Default)]
struct Tail {
    records: VecDeque<Arc<Delivered>>,
    bytes: usize,
}

impl Recent {
    /// Keeps a record that is now in the log.
    pub(super) fn push(&self, place: (i32, i32), record: Delivered) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let tail = partitions.entry(place).or_default();
        // Another process has appended in between: what is here no longer continues.
        if tail.records.back().is_some_and(|last| last.position.offset + 1 != record.position.offset) {
            *tail = Tail::default();
        }
        tail.bytes += record.record.size();
        tail.records.push_back(Arc::new(record));
        while tail.records.len() > RECORDS || tail.bytes > BYTES {
            let Some(oldest) = tail.records.pop_front() else { break };
            tail.bytes -= oldest.record.size();
        }
    }

    /// The records from `offset` on, if they are all here; `None` when the tables must be asked.
    pub(super) fn from(&self, place: (i32, i32), offset: i64) -> Option<Vec<Arc<Delivered>>> {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let records = &partitions.get(&place)?.records;
        let first = records.front()?.position.offset;
        let skip = usize::try_from(offset.checked_sub(first)?).ok()?;
        (skip < records.len()).then(|| records.iter().skip(skip).cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Position, Record};

    fn record(offset: i64, bytes: usize) -> Delivered {
        Delivered {
            topic: "t".into(),
            position: Position { partition: 0, offset },
            timestamp_ms: 0,
            record: Record { value: vec![0; bytes], ..Record::default() },
        }
    }

    fn offsets(recent: &Recent, from: i64) -> Option<Vec<i64>> {
        Some(recent.from((1, 0), from)?.iter().map(|record| record.position.offset).collect())
    }

    #[test]
    fn gives_what_follows_and_nothing_else() {
        let recent = Recent::default();
        for offset in 5..8 {
            recent.push((1, 0), record(offset, 10));
        }
        assert_eq!(offsets(&recent, 6), Some(vec![6, 7]));
        assert_eq!(offsets(&recent, 4), None);
        assert_eq!(offsets(&recent, 8), None);
    }

    #[test]
    fn a_gap_starts_anew() {
        let recent = Recent::default();
        recent.push((1, 0), record(5, 10));
        recent.push((1, 0), record(7, 10));
        assert_eq!(offsets(&recent, 5), None);
        assert_eq!(offsets(&recent, 7), Some(vec![7]));
    }

    #[test]
    fn is_bounded() {
        let recent = Recent::default();
        for offset in 0..10 {
            recent.push((1, 0), record(offset, BYTES / 2));
        }
        assert_eq!(offsets(&recent, 8), Some(vec![8, 9]));
        assert_eq!(offsets(&recent, 7), None);
        recent.push((1, 0), record(10, BYTES + 1));
        assert_eq!(offsets(&recent, 10), None, "larger than the whole budget");
    }
}
