//! The connections that are ended to make room, and the connections that are refused.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use crate::http::middleware::connections::{
    Connections, Full, Limits, MAX_ENDING, Opened, UnderWay,
};

const LIMITS: Limits =
    Limits { connections: 4, connections_per_address: 3, streams: 2, streams_per_address: 1 };

fn from(host: u8) -> Option<SocketAddr> {
    Some(SocketAddr::from(([10, 0, 0, host], 1_000)))
}

fn is_ended(opened: &Opened) -> bool {
    opened.connection().is_ended_or_wakes(Waker::noop())
}

fn with_request(connections: &Arc<Connections>, host: u8) -> (Opened, Option<UnderWay>) {
    let opened = connections.accept(from(host)).ok().unwrap();
    let request = connections.begin_request(opened.connection());
    (opened, Some(request))
}

fn ended(open: &[(Opened, Option<UnderWay>)]) -> Vec<bool> {
    open.iter().map(|(opened, _)| is_ended(opened)).collect()
}

#[test]
fn the_connection_that_was_idle_longest_makes_room_for_a_new_one() {
    let connections = Connections::new(LIMITS);
    let open: Vec<_> = (1..=4).map(|host| connections.accept(from(host)).ok().unwrap()).collect();
    drop(connections.begin_request(open[0].connection()));
    let _fifth = connections.accept(from(5)).ok().unwrap();
    assert_eq!(open.iter().map(is_ended).collect::<Vec<_>>(), [false, true, false, false]);
}

#[test]
fn streams_end_after_idle_connections_and_the_oldest_first() {
    let connections = Connections::new(LIMITS);
    let mut open: Vec<_> = (1..=4).map(|host| with_request(&connections, host)).collect();
    let stream = |nth: usize| connections.begin_stream(open[nth].0.connection()).ok().unwrap();
    let _streams = (stream(2), stream(1));
    open[3].1 = None;
    open.push(with_request(&connections, 5));
    assert_eq!(ended(&open), [false, false, false, true, false]);
    open.push(with_request(&connections, 6));
    assert_eq!(ended(&open), [false, true, false, true, false, false]);
}

#[test]
fn requests_that_still_arrive_end_before_streams_and_long_answers_last() {
    let connections = Connections::new(Limits { connections_per_address: 4, ..LIMITS });
    let mut open: Vec<_> = (1..=4).map(|host| with_request(&connections, host)).collect();
    let under_way = |nth: usize| open[nth].1.as_ref().unwrap();
    under_way(0).is_sending();
    let _stream = connections.begin_stream(open[1].0.connection()).ok().unwrap();
    under_way(2).is_arriving(true);
    under_way(3).is_arriving(true);
    under_way(3).is_arriving(false);
    for expected in [
        vec![false, false, true, false],
        vec![false, true, true, false, false],
        vec![true, true, true, false, false, false],
    ] {
        open.push(with_request(&connections, 9));
        assert_eq!(ended(&open)[..expected.len()], expected);
    }
    assert_eq!(connections.accept(from(7)).err(), Some(Full::All), "the others are answered");
}

#[test]
fn a_request_under_way_is_never_ended() {
    let connections = Connections::new(LIMITS);
    let mut open: Vec<_> = (1..=4).map(|host| with_request(&connections, host)).collect();
    open[0].1 = None;
    open[0].0.connection().is_of_instance();
    assert_eq!(connections.accept(from(5)).err(), Some(Full::All));
    open.pop();
    assert!(connections.accept(from(5)).is_ok(), "one has gone");
}

#[test]
fn one_address_has_its_share_and_takes_nobody_elses() {
    let connections = Connections::new(LIMITS);
    let other = connections.accept(from(2)).ok().unwrap();
    let mut open: Vec<_> = (0..3).map(|_| with_request(&connections, 1)).collect();
    assert_eq!(connections.accept(from(1)).err(), Some(Full::Address));
    open[2].1 = None;
    assert!(connections.accept(from(1)).is_ok());
    assert_eq!(ended(&open), [false, false, true]);
    assert!(!is_ended(&other));
}

#[test]
fn streams_are_bounded_by_address_and_in_all() {
    let connections = Connections::new(LIMITS);
    let open: Vec<_> = [1, 1, 2, 3].map(|host| with_request(&connections, host)).into();
    let stream = |nth: usize| connections.begin_stream(open[nth].0.connection());
    let first = stream(0).ok().unwrap();
    assert_eq!(stream(1).err(), Some(Full::Address));
    assert!(open[1].0.connection().closes(), "its descriptor is needed");
    let _second = stream(2).ok().unwrap();
    assert_eq!(stream(3).err(), Some(Full::All));
    drop(first);
    assert!(stream(3).is_ok());
}

#[test]
fn loopback_has_no_share_and_a_network_of_ipv6_one() {
    let connections = Connections::new(Limits { connections: 100, ..LIMITS });
    let loopback = Some(SocketAddr::from(([127, 0, 0, 1], 1)));
    let _loopback: Vec<_> = (0..9).map(|_| connections.accept(loopback).ok().unwrap()).collect();
    let v6 = |host: u16| Some(SocketAddr::from(([0x2001, 0xdb8, 1, 2, 3, 4, 5, host], 1)));
    let network: Vec<_> = (0..3).map(|host| connections.accept(v6(host)).ok().unwrap()).collect();
    let begin = |opened: &Opened| connections.begin_request(opened.connection());
    let _requests: Vec<_> = network.iter().map(begin).collect();
    assert_eq!(connections.accept(v6(9)).err(), Some(Full::Address));
}

#[test]
fn descriptors_of_connections_that_are_being_ended_are_bounded() {
    let limits = Limits { connections: 1_000, connections_per_address: 1_000, ..LIMITS };
    let connections = Connections::new(limits);
    let accept = || connections.accept(from(1));
    let idle: Vec<_> = (0..1_000).map(|_| accept().ok().unwrap()).collect();
    let newcomers: Vec<_> = std::iter::from_fn(|| accept().ok()).take(2_000).collect();
    assert!(newcomers.len() <= MAX_ENDING, "{}", newcomers.len());
    drop(idle);
    assert!(accept().is_ok());
}
