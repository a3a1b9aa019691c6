//! Places for connections: how many there are, whose they are, and who has to leave for another.
//!
//! Knows addresses and times. Must not know HTTP.
//!
//! SECURITY: one address cannot take every place, and a connection that does nothing gives its
//! place to one that may. Who finds none is told to slow down.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::budget::Purse;
use crate::limits::Limits;

/// All places of a gateway.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Arc<Limits>,
    epoch: Instant,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    marks: BTreeMap<u64, Arc<Mark>>,
    clients: BTreeMap<Client, Account>,
    served: usize,
    turned_away: usize,
}

/// What one client address has.
#[derive(Debug)]
struct Account {
    served: usize,
    /// Places of either kind, and connections on their way out.
    present: usize,
    memory: Purse,
}

/// Whom a connection belongs to: an address, or a /64 network, which is what one customer gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Client(Ipv6Addr);

/// The place of one connection, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    mark: Arc<Mark>,
    /// The part of the memory for bodies that this client may take.
    pub(crate) memory: Purse,
}

/// What a connection is doing, for those who look for a place.
#[derive(Debug)]
pub(crate) struct Mark {
    id: u64,
    client: Client,
    lane: Lane,
    epoch: Instant,
    /// Milliseconds since the epoch, and what has been done since then.
    doing: AtomicU64,
    summons: AtomicU8,
    call: Notify,
}

/// Whether a connection is served, or only told that it is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    Served,
    TurnedAway,
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// It has never finished the head of a request, or is leaving.
    Nothing,
    /// It rests between two requests.
    Rest,
    /// A request is in progress.
    Work,
}

impl Places {
    pub(crate) fn new(limits: Arc<Limits>) -> Arc<Self> {
        Arc::new(Self { limits, epoch: Instant::now(), table: Mutex::default() })
    }

    /// A place for a connection of this peer, at the cost of others that do nothing. `None` if not
    /// even a refusal can be afforded.
    pub(crate) fn admit(self: &Arc<Self>, peer: IpAddr) -> Option<Place> {
        let client = Client::of(peer);
        let mut table = self.table.lock();
        let lane = self.lane(&mut table, client)?;
        let id = table.next_id;
        table.next_id = id.wrapping_add(1);
        let mark = Arc::new(Mark {
            id,
            client,
            lane,
            epoch: self.epoch,
            doing: AtomicU64::new(0),
            summons: AtomicU8::new(STAY),
            call: Notify::new(),
        });
        mark.set(Doing::Nothing);
        table.marks.insert(id, Arc::clone(&mark));
        let account = table.clients.entry(client).or_insert_with(|| Account {
            served: 0,
            present: 0,
            memory: Purse::new(&self.limits),
        });
        account.present = account.present.saturating_add(1);
        let memory = account.memory.clone();
        match lane {
            Lane::Served => {
                account.served = account.served.saturating_add(1);
                table.served = table.served.saturating_add(1);
            }
            Lane::TurnedAway => table.turned_away = table.turned_away.saturating_add(1),
        }
        drop(table);
        Some(Place { places: Arc::clone(self), mark, memory })
    }

    /// Whether there are so many connections that what each keeps for itself counts.
    pub(crate) fn is_crowded(&self) -> bool {
        self.table.lock().served > self.limits.crowd_min
    }

    fn lane(&self, table: &mut Table, client: Client) -> Option<Lane> {
        let served = table.clients.get(&client).map_or(0, |account| account.served);
        let of_client = |mark: &Mark| mark.lane == Lane::Served && mark.client == client;
        let share_left =
            served < self.limits.connections_per_address_max || self.call_off(table, of_client) > 0;
        let of_anybody = |mark: &Mark| mark.lane == Lane::Served;
        if share_left
            && (table.served < self.limits.connections_max || self.call_off(table, of_anybody) > 0)
        {
            return Some(Lane::Served);
        }
        let turned_away = |mark: &Mark| mark.lane == Lane::TurnedAway;
        let room = table.turned_away < self.limits.turned_away_max
            || self.call_off(table, turned_away) > 0;
        room.then_some(Lane::TurnedAway)
    }

    /// Tells the oldest of the connections that do nothing to leave; if there are none, those that
    /// have rested longest. Of several clients the one with most connections suffers first. A
    /// few at a time, so that a flood does not search for each of its connections.
    fn call_off(&self, table: &mut Table, choice: impl Fn(&Mark) -> bool) -> usize {
        let now = self.now();
        let mut candidates: Vec<_> = table
            .marks
            .values()
            .filter(|mark| choice(mark) && mark.summons.load(Ordering::Relaxed) != LEAVE)
            .filter_map(|mark| {
                let (doing, since) = mark.get();
                let rested = now.saturating_sub(since) >= millis(self.limits.idle_kept_min);
                let may = doing == Doing::Nothing || (doing == Doing::Rest && rested);
                let served = table.clients.get(&mark.client).map_or(0, |account| account.served);
                may.then(|| ((doing, std::cmp::Reverse(served), since, mark.id), Arc::clone(mark)))
            })
            .collect();
        candidates.sort_unstable_by_key(|(order, _)| *order);
        candidates.truncate((candidates.len() / 16).clamp(1, CALLED_OFF_MAX));
        for (_, mark) in &candidates {
            mark.summons.store(LEAVE, Ordering::Release);
            mark.call.notify_one();
            table.release(mark);
        }
        candidates.len()
    }

    fn now(&self) -> u64 {
        millis(self.epoch.elapsed())
    }
}

impl Table {
    /// Gives back what a connection counts for.
    fn release(&mut self, mark: &Mark) {
        match mark.lane {
            Lane::Served => {
                self.served = self.served.saturating_sub(1);
                if let Some(account) = self.clients.get_mut(&mark.client) {
                    account.served = account.served.saturating_sub(1);
                }
            }
            Lane::TurnedAway => self.turned_away = self.turned_away.saturating_sub(1),
        }
    }
}

impl Client {
    fn of(peer: IpAddr) -> Self {
        match peer.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

impl Place {
    pub(crate) fn mark(&self) -> Arc<Mark> {
        Arc::clone(&self.mark)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut table = self.places.table.lock();
        table.marks.remove(&self.mark.id);
        // Who was called off counts for nothing since then.
        if self.mark.summons.load(Ordering::Acquire) != LEAVE {
            table.release(&self.mark);
        }
        if let Some(account) = table.clients.get_mut(&self.mark.client) {
            account.present = account.present.saturating_sub(1);
            if account.present == 0 {
                table.clients.remove(&self.mark.client);
            }
        }
    }
}

impl Mark {
    /// It rests between two requests.
    pub(crate) fn rests(&self) {
        self.set(Doing::Rest);
    }

    /// A request is in progress.
    pub(crate) fn works(&self) {
        self.set(Doing::Work);
    }

    /// Nothing more is to come of it.
    pub(crate) fn leaves(&self) {
        self.set(Doing::Nothing);
    }

    /// The server stops: this connection is closed after its next answer, or soon.
    pub(crate) fn stops(&self) {
        // A connection that must leave at once still must.
        let _ = self.summons.compare_exchange(STAY, STOP, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether the next answer is the last one of this connection.
    pub(crate) fn is_summoned(&self) -> bool {
        self.lane == Lane::TurnedAway || self.summons.load(Ordering::Acquire) != STAY
    }

    /// Whether the server stops.
    pub(crate) fn is_stopping(&self) -> bool {
        self.summons.load(Ordering::Acquire) == STOP
    }

    /// Whether another one needs the place.
    pub(crate) fn is_called_off(&self) -> bool {
        self.summons.load(Ordering::Acquire) == LEAVE
    }

    /// Returns when another one needs the place; once.
    pub(crate) async fn called_off(&self) {
        self.call.notified().await;
    }

    pub(crate) fn lane(&self) -> Lane {
        self.lane
    }

    fn set(&self, doing: Doing) {
        let since = millis(self.epoch.elapsed());
        let doing = match doing {
            Doing::Nothing => 0,
            Doing::Rest => 1,
            Doing::Work => 2,
        };
        self.doing.store(since << 2 | doing, Ordering::Relaxed);
    }

    fn get(&self) -> (Doing, u64) {
        let value = self.doing.load(Ordering::Relaxed);
        let doing = match value & 3 {
            0 => Doing::Nothing,
            1 => Doing::Rest,
            _ => Doing::Work,
        };
        (doing, value >> 2)
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX >> 2)
}

const STAY: u8 = 0;
/// The server stops.
const STOP: u8 = 1;
/// Somebody else needs the place.
const LEAVE: u8 = 2;
/// Connections that are called off for one that comes.
const CALLED_OFF_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const ONE: [u8; 4] = [192, 0, 2, 1];
    const OTHER: [u8; 4] = [192, 0, 2, 2];

    fn places() -> Arc<Places> {
        Places::new(Arc::new(Limits {
            connections_max: 8,
            crowd_min: 5,
            connections_per_address_max: 6,
            turned_away_max: 2,
            ..Limits::default()
        }))
    }

    fn busy(places: &Arc<Places>, peer: [u8; 4], count: usize) -> Vec<Place> {
        let admitted = (0..count).map(|_| places.admit(peer.into()).unwrap());
        admitted.inspect(|place| place.mark.works()).collect()
    }

    fn lanes(admitted: &[Place]) -> Vec<Lane> {
        admitted.iter().map(|place| place.mark.lane).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_leaves_places_for_others() {
        let places = places();
        let mine = busy(&places, ONE, 7);
        assert!(places.is_crowded());
        assert_eq!(lanes(&mine).iter().filter(|lane| **lane == Lane::Served).count(), 6);
        let others = busy(&places, OTHER, 3);
        assert_eq!(lanes(&others), [Lane::Served, Lane::Served, Lane::TurnedAway]);
        // Neither a place nor a refusal is left.
        assert!(places.admit(OTHER.into()).is_none());
        drop((mine, others));
        let table = places.table.lock();
        assert_eq!((table.served, table.turned_away, table.marks.len()), (0, 0, 0));
        assert!(table.clients.is_empty());
        drop(table);
        assert!(!places.is_crowded());
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_connection_that_does_nothing_leaves_first() {
        let places = places();
        let _working = busy(&places, ONE, 4);
        let silent = places.admit(ONE.into()).unwrap();
        tokio::time::advance(Duration::from_millis(10)).await;
        let later = places.admit(ONE.into()).unwrap();
        let new = places.admit(ONE.into()).unwrap();
        assert_eq!(new.mark.lane, Lane::Served);
        assert!(silent.mark.is_called_off() && !later.mark.is_called_off());
        silent.mark.called_off().await;
        drop(silent);
        assert_eq!(places.table.lock().served, 6);
    }

    #[tokio::test(start_paused = true)]
    async fn connections_that_rest_leave_after_those_and_only_after_a_while() {
        let places = places();
        let resting = busy(&places, ONE, 6);
        resting.iter().for_each(|place| place.mark.rests());
        let refused = places.admit(ONE.into()).unwrap();
        assert_eq!(refused.mark.lane, Lane::TurnedAway);
        drop(refused);
        tokio::time::advance(places.limits.idle_kept_min).await;
        assert_eq!(places.admit(ONE.into()).unwrap().mark.lane, Lane::Served);
        assert!(resting[0].mark.is_called_off());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_most_connections_gives_the_place() {
        let places = places();
        let few = places.admit(OTHER.into()).unwrap();
        tokio::time::advance(Duration::from_millis(10)).await;
        let mut many: Vec<_> = (0..6).map(|_| places.admit(ONE.into()).unwrap()).collect();
        many.push(places.admit([192, 0, 2, 3].into()).unwrap());
        let new = places.admit([192, 0, 2, 4].into()).unwrap();
        assert_eq!(new.mark.lane, Lane::Served);
        assert!(many[0].mark.is_called_off() && !few.mark.is_called_off());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let of = |text: &str| Client::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
