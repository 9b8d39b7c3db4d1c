use super::*;

const PRIOR: f64 = 1e-3;

/// A fleet of `hosts` that show token 1 in every hour of `days` days.
fn fleet(hosts: u32, days: u16) -> (FleetSketch, Vec<HostSketch>) {
    let mut fleet = FleetSketch::new(Admission::default());
    let mut sketches = vec![HostSketch::default(); usize::try_from(hosts).unwrap()];
    for day in 0..days {
        for _hour in 0..24 {
            for (host, sketch) in (0..).zip(&mut sketches) {
                fleet.learn(sketch, Source { host, day }, &[1]);
            }
        }
    }
    (fleet, sketches)
}

#[test]
fn a_sighting_tells_its_counts() {
    let (mut fleet, mut sketches) = fleet(41, 2);
    fleet.learn(&mut sketches[7], Source { host: 7, day: 2 }, &[2]);
    let sighting = fleet.sighting(&sketches[0], 2, PRIOR);
    assert_eq!(sighting.host_windows, (0, 48));
    assert_eq!(sighting.fleet_hosts, (1, 41));
    assert!(sighting.bits() > 10.0, "{sighting:?}");
    assert!(fleet.sighting(&sketches[0], 1, PRIOR).bits() < 0.1);
}

#[test]
fn one_host_makes_a_thing_normal_for_itself_and_for_nobody_else() {
    let (mut fleet, mut sketches) = fleet(41, 2);
    for day in 2..12 {
        for _hour in 0..24 {
            fleet.learn(&mut sketches[7], Source { host: 7, day }, &[1, 2]);
        }
    }
    assert!(fleet.sighting(&sketches[7], 2, PRIOR).bits() < 1.0);
    assert!(fleet.sighting(&sketches[0], 2, PRIOR).bits() > 10.0);
}

#[test]
fn a_new_host_of_the_fleet_is_judged_by_the_fleet() {
    let (fleet, _) = fleet(41, 2);
    let new = HostSketch::default();
    assert!(fleet.sighting(&new, 1, PRIOR).bits() < 0.1, "the others do it");
    assert!(fleet.sighting(&new, 2, PRIOR).bits() > 10.0, "nobody does it");
}

#[test]
fn the_first_host_of_a_site_is_judged_by_the_prior() {
    let (fleet, host) = (FleetSketch::new(Admission::default()), HostSketch::default());
    assert!((fleet.sighting(&host, 1, 0.25).bits() - 2.0).abs() < 1e-9);
}

#[test]
fn a_full_sketch_forgets_what_it_saw_longest_ago() {
    let mut host = HostSketch::default();
    for token in 0..u64::try_from(HOST_TOKENS_MAX).unwrap() + 500 {
        let day = u16::try_from(token / 100).unwrap();
        host.learn(day, &[token], |_| ());
    }
    assert!(host.len() <= HOST_TOKENS_MAX && host.forgotten > 0);
    assert_eq!(host.windows_with(1), 0);
    let newest = u64::try_from(HOST_TOKENS_MAX).unwrap() + 499;
    assert_eq!(host.windows_with(newest), 1);
}

#[test]
fn a_full_sketch_fits_in_its_32_kib_in_memory_and_in_bytes() {
    let mut host = HostSketch::default();
    for token in 0..10_000_u64 {
        host.learn(0, &[token.wrapping_mul(0x9e37_79b9_7f4a_7c15)], |_| ());
    }
    let mut bytes = Vec::new();
    host.write(&mut bytes);
    assert!(host.bytes() <= 32 << 10, "{}", host.bytes());
    assert!(bytes.len() <= 32 << 10, "{}", bytes.len());
}

#[test]
fn sketches_survive_a_restart_and_broken_bytes_are_refused() {
    let (fleet, sketches) = fleet(5, 3);
    let mut bytes = Vec::new();
    fleet.write(&mut bytes);
    sketches[3].write(&mut bytes);
    let mut input = bytes.as_slice();
    let fleet_again = FleetSketch::read(Admission::default(), &mut input).unwrap();
    let host_again = HostSketch::read(&mut input).unwrap();
    assert!(input.is_empty());
    let before = fleet.sighting(&sketches[3], 1, PRIOR);
    assert_eq!(fleet_again.sighting(&host_again, 1, PRIOR), before);
    for cut in 0..bytes.len() {
        let mut input = &bytes[..cut];
        let whole = FleetSketch::read(Admission::default(), &mut input)
            .and_then(|_| HostSketch::read(&mut input));
        assert!(whole.is_none(), "cut at {cut}");
    }
}
