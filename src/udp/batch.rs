//! Which datagrams go into one system call, and what is done about those that the kernel does not take. Pure.

use std::ops::Range;

use nix::errno::Errno;

use super::{Outgoing, RECEIVE_BUFFER_BYTES};

/// Runs in one system call. The kernel takes up to 1,024; beyond some ten, more of them save nothing.
const RUNS_MAX: usize = 64;

/// Datagrams that one system call takes: they come from the same address of ours, and are cut at the same size. Both are control
/// messages, of which a call has one set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Indices of datagrams. Each run is to one address, all of one size but for a shorter last one, and leaves as one segmented
    /// datagram.
    pub runs: Vec<Range<usize>>,
    /// The size at which runs of more than one datagram are cut; none where there is no such run.
    pub segment_bytes: Option<usize>,
}

impl Batch {
    /// The batch that begins with the datagram at `begin`, which has to be there.
    pub(super) fn next(datagrams: &[Outgoing], begin: usize, segments_max: usize) -> Batch {
        let mut batch = Batch {
            runs: Vec::new(),
            segment_bytes: None,
        };
        let way = |datagram: &Outgoing| (datagram.source, datagram.destination.is_ipv4());
        let mut largest_single = 0;
        let mut at = begin;
        while batch.runs.len() < RUNS_MAX
            && let Some(first) = datagrams.get(at)
        {
            let length = run_length(&datagrams[at..], segments_max);
            let bytes = first.payload.len();
            // What is not longer than the size to cut at is left whole.
            let fits = match (batch.segment_bytes, length) {
                (None, 1) => true,
                (None, _) => largest_single <= bytes,
                (Some(segment), 1) => bytes <= segment,
                (Some(segment), _) => bytes == segment,
            };
            if !fits || way(first) != way(&datagrams[begin]) {
                break;
            }
            if length == 1 {
                largest_single = largest_single.max(bytes);
            } else {
                batch.segment_bytes = Some(bytes);
            }
            batch.runs.push(at..at + length);
            at += length;
        }
        batch
    }

    /// The datagram after its last one.
    pub(super) fn end(&self) -> usize {
        self.runs.last().map_or(0, |run| run.end)
    }
}

/// How many datagrams from the front fit into one segmented send: same addresses, same size, but for a shorter last one.
fn run_length(datagrams: &[Outgoing], segments_max: usize) -> usize {
    let Some(first) = datagrams.first() else { return 0 };
    let size = first.payload.len();
    let mut length = 1;
    let mut bytes = size;
    for datagram in datagrams.iter().take(segments_max).skip(1) {
        bytes += datagram.payload.len();
        if datagram.destination != first.destination
            || datagram.source != first.source
            || datagram.payload.len() > size
            || datagram.payload.is_empty()
            || bytes > RECEIVE_BUFFER_BYTES - 1024
        {
            break;
        }
        length += 1;
        if datagram.payload.len() < size {
            break;
        }
    }
    length
}

/// Sends runs in order until there are none. `send` takes all runs from an index on and says how many the kernel took; like
/// sendmmsg(2) it fails only where it took none, so what fails is the first: `failed` is told, and the rest goes on without it.
/// A full socket is waited for as long as there are `waits` left.
pub(super) fn deliver(
    runs: usize,
    waits: &mut u32,
    mut wait: impl FnMut(),
    mut send: impl FnMut(usize) -> Result<usize, Errno>,
    mut failed: impl FnMut(usize, Errno),
) {
    let mut next = 0;
    while next < runs {
        match send(next) {
            Ok(taken) => next += taken.max(1),
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN | Errno::ENOBUFS) if *waits > 0 => {
                *waits -= 1;
                wait();
            }
            Err(error) => {
                failed(next, error);
                next += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::net::{IpAddr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;

    fn outgoing(destination: &str, bytes: usize) -> Outgoing {
        Outgoing {
            source: IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            destination: destination.parse().expect("an address"),
            payload: vec![7; bytes],
        }
    }

    const A: &str = "192.0.2.1:5";
    const B: &str = "192.0.2.2:5";
    const C: &str = "[2001:db8::1]:5";

    #[test]
    fn a_run_ends_with_its_first_shorter_datagram() {
        let sizes = |list: &[usize]| list.iter().map(|n| outgoing(A, *n)).collect::<Vec<_>>();
        for (list, expected) in [
            (&[100][..], 1),
            (&[100, 100, 100], 3),
            (&[100, 100, 40, 100], 3),
            (&[100, 101], 1),
            (&[100, 0], 1),
        ] {
            assert_eq!(run_length(&sizes(list), 32), expected, "{list:?}");
        }
        assert_eq!(run_length(&sizes(&[100; 50]), 32), 32);
        assert_eq!(run_length(&[outgoing(A, 9), outgoing(B, 9)], 32), 1);
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "a list of runs may have one")]
    fn a_batch_has_one_source_and_one_size_to_cut_at() {
        type Case = (&'static [(&'static str, usize)], &'static [Range<usize>], Option<usize>);
        let cases: [Case; 7] = [
            (&[(A, 9), (B, 80), (A, 70)], &[0..1, 1..2, 2..3], None),
            (&[(A, 90), (A, 90), (B, 90), (B, 90), (B, 7)], &[0..2, 2..5], Some(90)),
            (&[(A, 90), (A, 90), (B, 40), (A, 80)], &[0..2, 2..3, 3..4], Some(90)),
            (&[(B, 40), (A, 90), (A, 90)], &[0..1, 1..3], Some(90)),
            // Longer than what the run is cut at.
            (&[(A, 90), (A, 90), (B, 91)], &[0..2], Some(90)),
            (&[(B, 91), (A, 90), (A, 90)], &[0..1], None),
            (&[(A, 90), (C, 90)], &[0..1], None),
        ];
        for (list, runs, segment_bytes) in cases {
            let datagrams: Vec<Outgoing> = list.iter().map(|(to, bytes)| outgoing(to, *bytes)).collect();
            let batch = Batch::next(&datagrams, 0, 32);
            assert_eq!((&batch.runs[..], batch.segment_bytes), (runs, segment_bytes), "{list:?}");
        }
    }

    proptest! {
        #[test]
        fn batches_have_every_datagram_once_and_in_order(
            list in proptest::collection::vec((0..4_u8, prop_oneof![Just(40_usize), Just(90), 1..120_usize]), 0..300),
            segments_max in 1..40_usize,
        ) {
            let datagrams: Vec<Outgoing> = list.iter().map(|(to, bytes)| outgoing([A, B, A, C][usize::from(*to)], *bytes)).collect();
            let mut begin = 0;
            while begin < datagrams.len() {
                let batch = Batch::next(&datagrams, begin, segments_max);
                for run in &batch.runs {
                    prop_assert_eq!(run.start, begin);
                    prop_assert!((1..=segments_max).contains(&run.len()));
                    let sizes: Vec<usize> = datagrams[run.clone()].iter().map(|d| d.payload.len()).collect();
                    let cut = batch.segment_bytes.unwrap_or(usize::MAX);
                    prop_assert!(sizes.len() == 1 && sizes[0] <= cut || sizes[..sizes.len() - 1].iter().all(|size| *size == cut));
                    prop_assert!(sizes.last() <= sizes.first());
                    begin = run.end;
                }
                prop_assert_eq!(batch.end(), begin);
            }
        }
    }

    /// What the kernel says, call after call, and what comes of it: (runs that were taken, runs that failed, waits that are left).
    fn against(runs: usize, answers: &[Result<usize, Errno>]) -> (Vec<usize>, Vec<(usize, Errno)>, u32) {
        let mut answers: VecDeque<_> = answers.iter().copied().collect();
        let (mut taken, mut lost, mut waits) = (Vec::new(), Vec::new(), 3);
        let send = |from: usize| {
            let answer = answers
                .pop_front()
                .expect("no more is asked of the kernel than the test says");
            if let Ok(count) = answer {
                taken.extend(from..from + count);
            }
            answer
        };
        deliver(runs, &mut waits, || {}, send, |run, error| lost.push((run, error)));
        assert!(answers.is_empty(), "the kernel was not asked so often");
        (taken, lost, waits)
    }

    #[test]
    fn what_a_partial_send_left_is_sent_next() {
        assert_eq!(against(5, &[Ok(2), Ok(1), Ok(2)]), (vec![0, 1, 2, 3, 4], vec![], 3));
        assert_eq!(against(2, &[Err(Errno::EINTR), Ok(2)]), (vec![0, 1], vec![], 3));
    }

    #[test]
    fn an_address_that_is_refused_stops_nobody_else() {
        let (taken, lost, _) = against(4, &[Ok(1), Err(Errno::EPERM), Err(Errno::ENETUNREACH), Ok(1)]);
        assert_eq!(taken, [0, 3]);
        assert_eq!(lost, [(1, Errno::EPERM), (2, Errno::ENETUNREACH)]);
    }

    #[test]
    fn a_full_socket_is_waited_for_but_not_for_ever() {
        let full = Err(Errno::EAGAIN);
        assert_eq!(
            against(3, &[Ok(1), full, Err(Errno::ENOBUFS), Ok(2)]),
            (vec![0, 1, 2], vec![], 1)
        );
        let lost = vec![(0, Errno::EAGAIN), (1, Errno::EAGAIN)];
        assert_eq!(against(3, &[full, full, full, full, full, Ok(1)]), (vec![2], lost, 0));
    }
}
