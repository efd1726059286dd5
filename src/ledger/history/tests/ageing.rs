//! What is too old, and a clock that is wrong.

use super::*;

/// Lines whose day is gone from the sums, and sums whose lines are all gone.
const LINES_WITHOUT_SUMS: &str =
    "SELECT count(*) FROM request WHERE (id >> 20) / 86400000 NOT IN (SELECT day FROM daily)";
const SUMS_WITHOUT_LINES: &str =
    "SELECT count(*) FROM daily WHERE day NOT IN (SELECT (id >> 20) / 86400000 FROM request)";
const LINES: &str = "SELECT count(*) FROM request";

fn assert_sums_follow_lines(place: &Place) {
    assert_eq!((place.number(LINES_WITHOUT_SUMS), place.number(SUMS_WITHOUT_LINES)), (0, 0));
}

#[test]
fn lines_of_more_than_400_days_go_two_for_each_that_comes_and_a_days_sums_after_its_last_line() {
    let place = Place::new();
    for day in 0..3 {
        place.records(&entries("old", BEGIN.plus(DAY * day), 40));
    }
    let now = BEGIN.plus(DAY * 403 + Duration::from_secs(3_600));
    place.clock.set_wall(now);
    place.records(&[entry("new", now)]);
    assert_eq!(place.number(LINES), 120 + 1, "when the newest line came, none of the others was too old");
    place.records(&entries("new", now.plus(Duration::from_secs(1)), 25));
    assert_eq!(place.number(LINES), 70 + 26);
    assert_eq!(place.number("SELECT sum(requests) FROM daily"), 80 + 26, "of the second day 10 lines went");
    assert_sums_follow_lines(&place);
    place.records(&entries("new", now.plus(Duration::from_secs(2)), 40));
    assert_eq!((place.count("old"), place.count("new")), (0, 66));
    assert_sums_follow_lines(&place);
}

#[test]
fn a_line_of_400_days_stays_and_one_that_is_a_millisecond_older_goes() {
    let place = Place::new();
    let old = entries("old", BEGIN, 2);
    place.records(&old);
    let now = BEGIN.plus(DAY * 400 + Duration::from_millis(1));
    place.clock.set_wall(now);
    place.records(&[entry("new", now)]);
    place.records(&[entry("new", now)]);
    assert_eq!(place.number("SELECT count(*) FROM series JOIN request ON series = series.id WHERE profile = 'old'"), 1);
    assert_eq!(place.number("SELECT min(id) >> 20 FROM request"), BEGIN.0 / 1_000_000 + 1);
}

#[test]
fn a_clock_that_is_ten_years_ahead_costs_none_of_the_history_and_then_two_lines_for_each_write() {
    let place = Place::new();
    for day in 0..10 {
        place.records(&entries("main", BEGIN.plus(DAY * day), 20));
    }
    let today = BEGIN.plus(DAY * 10);
    place.clock.set_wall(today.plus(DAY * 3_650));
    place.records(&[entry("ahead", place.clock.wall())]);
    assert_eq!(place.number(LINES), 200 + 1);
    place.records(&[entry("ahead", place.clock.wall().plus(Duration::from_secs(1)))]);
    assert_eq!(place.number(LINES), 198 + 2);
    assert_sums_follow_lines(&place);
    // A clock that is set right again continues as before.
    place.clock.set_wall(today);
    place.records(&entries("main", today, 10));
    assert_eq!(place.number(LINES), 208 + 2);
    let recent = place.stats(BEGIN.plus(DAY * 5));
    assert_eq!((requests(&recent, "main"), requests(&recent, "ahead")), (110, 2));
    assert_sums_follow_lines(&place);
}

#[test]
fn a_clock_before_1970_or_after_2260_is_written_and_read() {
    let place = Place::new();
    for wall in [i64::MIN, -1, 0, i64::MAX - 1, i64::MAX] {
        place.clock.set_wall(WallTime(wall));
        place.ledger.record(&[entry("main", WallTime(wall))]).expect("written");
        place.ledger.stats(WallTime(wall), None).expect("read");
    }
    place.clock.set_wall(BEGIN);
    place.records(&[entry("after", BEGIN)]);
    assert_eq!(place.count("after"), 1);
}
