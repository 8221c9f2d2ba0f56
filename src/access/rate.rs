//! How many requests an address may send: a bucket per address, which all threads take from.
//!
//! A bucket is one number, the time at which it will be full again, so taking from it needs no lock. The table
//! of buckets has one, and is looked at once per connection.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Addresses that are remembered; past that the one that has not connected for the longest is forgotten.
const MAX_ADDRESSES: usize = 65_536;

/// How many requests an address may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Per second, at least 1, over time.
    pub per_second: u32,
    /// At once, at least 1.
    pub burst: u32,
}

impl RateLimit {
    /// How long one request fills the bucket.
    fn each(self) -> u64 {
        1_000_000_000 / u64::from(self.per_second.max(1))
    }
}

/// What one address may still send.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateLimit,
    epoch: Instant,
    /// When all that was taken will have come back, in nanoseconds since the epoch.
    full_at: AtomicU64,
}

impl Bucket {
    fn new(limit: RateLimit, epoch: Instant) -> Self {
        Self { limit, epoch, full_at: AtomicU64::new(0) }
    }

    /// How much it holds.
    pub const fn limit(&self) -> RateLimit {
        self.limit
    }

    /// Takes one, if there is one.
    pub fn take(&self, now: Instant) -> bool {
        let now = u64::try_from((now - self.epoch).as_nanos()).unwrap_or(u64::MAX);
        let (each, burst) = (self.limit.each(), u64::from(self.limit.burst));
        let latest = now.saturating_add(each * burst);
        let taken = |full_at: u64| Some(full_at.max(now) + each).filter(|full_at| *full_at <= latest);
        self.full_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }
}

/// The buckets of all addresses.
#[derive(Debug)]
pub(super) struct Rates {
    limit: RateLimit,
    epoch: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    buckets: HashMap<IpAddr, (u64, Arc<Bucket>)>,
    /// The addresses in the order of their last connection.
    order: BTreeMap<u64, IpAddr>,
    turn: u64,
}

impl Rates {
    pub fn new(limit: RateLimit) -> Self {
        Self { limit, epoch: Instant::now(), table: Mutex::default() }
    }

    pub const fn limit(&self) -> RateLimit {
        self.limit
    }

    /// The bucket of an address: for a connection, from its beginning to its end.
    pub fn bucket(&self, address: Option<IpAddr>) -> Arc<Bucket> {
        let address = one_client(address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)));
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        table.bucket(address, || Arc::new(Bucket::new(self.limit, self.epoch)))
    }
}

impl Table {
    fn bucket(&mut self, address: IpAddr, new: impl FnOnce() -> Arc<Bucket>) -> Arc<Bucket> {
        self.turn += 1;
        let (turn, bucket) = self.buckets.entry(address).or_insert_with(|| (0, new()));
        self.order.remove(&std::mem::replace(turn, self.turn));
        self.order.insert(self.turn, address);
        let bucket = bucket.clone();
        if self.buckets.len() > MAX_ADDRESSES
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.buckets.remove(&oldest);
        }
        bucket
    }
}

/// Whoever has one IPv6 address has the 2^64 beside it: they count as one.
fn one_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// How long until one request has come back, for people.
pub(super) fn wait(limit: RateLimit) -> Duration {
    Duration::from_nanos(limit.each()).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: RateLimit = RateLimit { per_second: 10, burst: 3 };

    fn address(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    fn taken(bucket: &Bucket, at: Instant) -> usize {
        (0..100).filter(|_| bucket.take(at)).count()
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_the_rate() {
        let rates = Rates::new(LIMIT);
        let (bucket, start) = (rates.bucket(Some(address(1))), Instant::now());
        let after = |millis| start + Duration::from_millis(millis);
        assert_eq!(taken(&bucket, start), 3, "the burst");
        assert_eq!(taken(&bucket, after(99)), 0);
        assert_eq!(taken(&bucket, after(100)), 1);
        assert_eq!(taken(&bucket, after(250)), 1);
        assert_eq!(taken(&bucket, after(300)), 1);
        assert_eq!(taken(&bucket, after(60_000)), 3, "never more than the burst");
    }

    #[tokio::test(start_paused = true)]
    async fn all_connections_of_an_address_share_its_bucket_and_others_do_not() {
        let (rates, now) = (Rates::new(LIMIT), Instant::now());
        for (one, other, are_same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("10.0.0.2", "10.0.0.3", false),
            ("2001:db8::1", "2001:db8::2:1", true),
            ("2001:db8:0:1::1", "2001:db8:0:2::1", false),
        ] {
            let bucket = |text: &str| rates.bucket(Some(text.parse().unwrap()));
            taken(&bucket(one), now);
            assert_eq!(taken(&bucket(other), now) == 0, are_same, "{one} {other}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_address_that_was_away_for_the_longest_is_forgotten() {
        let (rates, now) = (Rates::new(LIMIT), Instant::now());
        let all = u32::try_from(MAX_ADDRESSES).unwrap();
        for n in 0..all {
            rates.bucket(Some(address(n)));
        }
        for n in [0, 1] {
            taken(&rates.bucket(Some(address(n))), now);
        }
        taken(&rates.bucket(Some(address(2))), now);
        // 0, 1 and 2 have been here again, so it is 3 and 4 that go.
        for n in [all, all + 1] {
            rates.bucket(Some(address(n)));
        }
        let table = rates.table.lock().unwrap();
        assert_eq!((table.buckets.len(), table.order.len()), (MAX_ADDRESSES, MAX_ADDRESSES));
        let is_there = |n| table.buckets.contains_key(&address(n));
        assert_eq!([0, 1, 2, 3, 4, 5, all + 1].map(is_there), [true, true, true, false, false, true, true]);
    }

    #[test]
    fn threads_together_take_no_more_than_there_is() {
        let limit = RateLimit { per_second: 1, burst: 5000 };
        let (rates, now) = (Rates::new(limit), Instant::now());
        let bucket = rates.bucket(Some(address(1)));
        let taken: usize = std::thread::scope(|scope| {
            let take = || (0..2000).filter(|_| bucket.take(now)).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(taken, 5000);
    }
}
