//! The steps of the contract, each one question. What has to be atomic is a script, which every engine since Redis 5
//! runs. Sending the whole script saves the round trip that its digest would cost after a failover.

use std::time::Duration;

use redis::{Cmd, cmd, pipe};

use super::Question;
use crate::fleet::{FleetName, LARGEST_VALUE, LEASE, Owner, Publication, Value};

/// For how long the last order is remembered without a request: longer than its value is.
const ORDER_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// The three keys of a name; the braces keep them on one node of a cluster.
struct Keys {
    value: String,
    lease: String,
    order: String,
}

impl Keys {
    fn of(name: FleetName) -> Keys {
        let value = format!("tokenkeep/v1/{{{}}}", name.to_hex());
        Keys { lease: format!("{value}/lease"), order: format!("{value}/order"), value }
    }
}

pub(super) fn look(name: FleetName) -> Question {
    let keys = Keys::of(name);
    let mut both = pipe();
    both.cmd("GETRANGE").arg(&keys.value).arg(0).arg(LARGEST_VALUE).cmd("PTTL").arg(&keys.value);
    Question::Several(both)
}

/// Reads the two answers of [`look`]: an empty value is none.
pub(super) fn value((bytes, left): (Vec<u8>, i64)) -> Option<Value> {
    (!bytes.is_empty()).then(|| Value { bytes, left: u64::try_from(left).ok().map(Duration::from_millis) })
}

/// A lease without an end, or with a later end than any host gives it, counts as free. Otherwise any user with write
/// access could make a fleet wait for ever. A counter that does not count, or has come to its end, begins again at the
/// floor.
const JOIN: &str = "\
local value = redis.call('GETRANGE', KEYS[1], 0, ARGV[3])
local left = redis.call('PTTL', KEYS[1])
local held = redis.call('PTTL', KEYS[2])
if held >= 0 and held <= tonumber(ARGV[2]) and redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return {0, value, left}
end
local order = redis.pcall('INCR', KEYS[3])
if type(order) ~= 'number' and string.find(order.err, '^WRONGTYPE') then return order end
if type(order) ~= 'number' or order <= tonumber(ARGV[4]) then
  redis.call('SET', KEYS[3], ARGV[4])
  order = redis.call('INCR', KEYS[3])
end
if redis.call('PTTL', KEYS[3]) < tonumber(ARGV[5]) then redis.call('PEXPIRE', KEYS[3], ARGV[5]) end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return {order, value, left}";

pub(super) fn join(name: FleetName, owner: Owner, floor: u64) -> Question {
    let keys = Keys::of(name);
    let mut script = script(JOIN, &[&keys.value, &keys.lease, &keys.order]);
    script.arg(&owner.0).arg(millis(LEASE)).arg(LARGEST_VALUE).arg(floor).arg(millis(ORDER_KEPT));
    Question::One(script)
}

const RENEW: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])";

pub(super) fn renew(name: FleetName, owner: Owner) -> Question {
    let mut script = script(RENEW, &[&Keys::of(name).lease]);
    script.arg(&owner.0).arg(millis(LEASE));
    Question::One(script)
}

const LEAVE: &str = "\
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

pub(super) fn leave(name: FleetName, owner: Owner) -> Question {
    let mut script = script(LEAVE, &[&Keys::of(name).lease]);
    script.arg(&owner.0);
    Question::One(script)
}

/// Orders are compared as numbers: Lua compares texts by the locale of the server.
const PUBLISH: &str = "\
local function order(value)
  if #value < 8 then return 0 end
  local number = 0
  for at = 1, 8 do number = number * 256 + string.byte(value, at) end
  return number
end
local present = redis.call('GETRANGE', KEYS[1], 0, ARGV[5])
local stored = 0
if order(present) < order(ARGV[2]) or present == ARGV[4] then
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
  local kept = tonumber(ARGV[3]) + tonumber(ARGV[6])
  if redis.call('PTTL', KEYS[3]) < kept then redis.call('PEXPIRE', KEYS[3], kept) end
  stored = 1
end
if redis.call('GET', KEYS[2]) == ARGV[1] then redis.call('DEL', KEYS[2]) end
return stored";

pub(super) fn publish(name: FleetName, publication: &Publication) -> Question {
    let keys = Keys::of(name);
    let mut script = script(PUBLISH, &[&keys.value, &keys.lease, &keys.order]);
    let instead_of = publication.instead_of.as_deref().unwrap_or_default();
    script.arg(&publication.owner.0).arg(&publication.bytes).arg(millis(publication.lifetime));
    script.arg(instead_of).arg(LARGEST_VALUE).arg(millis(ORDER_KEPT));
    Question::One(script)
}

const FORGET: &str = "\
if redis.call('GETRANGE', KEYS[1], 0, ARGV[2]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])";

pub(super) fn forget(name: FleetName, only: Option<&[u8]>) -> Question {
    let key = Keys::of(name).value;
    Question::One(match only {
        Some(only) => {
            let mut script = script(FORGET, &[&key]);
            script.arg(only).arg(LARGEST_VALUE);
            script
        }
        None => {
            let mut delete = cmd("DEL");
            delete.arg(&key);
            delete
        }
    })
}

fn script(text: &str, keys: &[&String]) -> Cmd {
    let mut eval = cmd("EVAL");
    eval.arg(text).arg(keys.len());
    for key in keys {
        eval.arg(key.as_str());
    }
    eval
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
