//! Records in memory: for programs that want nothing on disk, and for tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{RecordError, RecordKey, RecordStore, WriteMode};
use crate::system::files::Stamp;

/// Keeps records for as long as the process lives.
#[derive(Debug, Default)]
pub struct MemoryStore {
    records: Mutex<Records>,
}

#[derive(Debug, Default)]
struct Records {
    saves: u64,
    slots: HashMap<RecordKey, (u64, Vec<u8>)>,
}

impl MemoryStore {
    fn records(&self) -> MutexGuard<'_, Records> {
        // A panic elsewhere cannot leave a record half-written: they are replaced whole.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RecordStore for MemoryStore {
    fn load(&self, slot: RecordKey) -> Result<Option<Vec<u8>>, RecordError> {
        Ok(self.records().slots.get(&slot).map(|(_, record)| record.clone()))
    }

    fn save(&self, slot: RecordKey, record: &[u8], _writer: WriteMode) -> Result<(), RecordError> {
        let mut records = self.records();
        records.saves += 1;
        let saves = records.saves;
        records.slots.insert(slot, (saves, record.to_vec()));
        Ok(())
    }

    fn remove(&self, slot: RecordKey) -> Result<bool, RecordError> {
        Ok(self.records().slots.remove(&slot).is_some())
    }

    fn list(&self) -> Result<Vec<RecordKey>, RecordError> {
        Ok(self.records().slots.keys().copied().collect())
    }

    fn stamp(&self, slot: RecordKey) -> Result<Option<Stamp>, RecordError> {
        Ok(self.records().slots.get(&slot).map(|(save, _)| Stamp::numbered(*save)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_keeps_the_contract_of_a_record_store() {
        super::super::contract::check(&MemoryStore::default());
    }
}
