//! What hosts share over, by itself: every engine keeps one contract, and is found again after it was lost.

mod contract;
#[cfg(feature = "redis")]
mod engines;
#[cfg(feature = "redis")]
mod hung;
#[cfg(feature = "redis")]
mod lost;

use tokenkeep::fleet::MemoryFleet;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_in_memory_keeps_the_contract() {
    contract::keeps("memory", &MemoryFleet::default()).await;
}
