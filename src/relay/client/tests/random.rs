//! Random sequences of requests, data and time keep every bound.

// The architecture test reads a file up to this line.
#[cfg(test)]
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Step {
    Allocate,
    Refresh(u32),
    Permit(u8, u8),
    Bind(u16, u8, u8),
    Send(u8, u8, u16),
    Data(u16, u16),
    FromPeer(u8, u16),
    Wait(u16),
    Bytes(Vec<u8>),
    EndSession,
    BeginSession,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => Just(Step::Allocate),
        2 => prop_oneof![Just(0u32), any::<u32>()].prop_map(Step::Refresh),
        4 => (0..40u8, 0..3u8).prop_map(|(ip, port)| Step::Permit(ip, port)),
        4 => (0x3fff..0x4040u16, 0..40u8, 0..3u8).prop_map(|(number, ip, port)| Step::Bind(number, ip, port)),
        2 => (0..40u8, 0..3u8, 0..2000u16).prop_map(|(ip, port, bytes)| Step::Send(ip, port, bytes)),
        2 => (0x4000..0x4040u16, 0..2000u16).prop_map(|(number, bytes)| Step::Data(number, bytes)),
        2 => (0..40u8, 0..2000u16).prop_map(|(ip, bytes)| Step::FromPeer(ip, bytes)),
        2 => (0..700u16).prop_map(Step::Wait),
        1 => prop::collection::vec(any::<u8>(), 0..100).prop_map(Step::Bytes),
        1 => Just(Step::EndSession),
        2 => Just(Step::BeginSession),
    ]
}

fn own(ip: u8, port: u8) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, ip], 8443 + u16::from(port)))
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_bounds(steps in prop::collection::vec(step(), 0..120)) {
        // Thirty addresses with two ports each are ours; ten more and a third port are not.
        let ours: Vec<String> = (0..30).flat_map(|ip| [own(ip, 0).to_string(), own(ip, 1).to_string()]).collect();
        let mut world = World::with(false, &ours.iter().map(String::as_str).collect::<Vec<_>>());
        let mut live = 0i32;
        for step in steps {
            world.credential = world.relay.keys.mint(world.session, world.now.unix_s);
            if let Some(owned) = &world.client.owned {
                let username = owned.username.clone();
                let password = world.credential.password.clone();
                if username != world.credential.username {
                    let minted: u64 = username.split(':').next().and_then(|t| t.parse().ok()).expect("ours");
                    world.credential = world.relay.keys.mint(world.session, minted - CREDENTIAL_TTL_S);
                    prop_assert_ne!(&world.credential.password, &password);
                }
            }
            world.nonce = world.relay.keys.nonce(world.client.address, world.now.unix_s);
            match step {
                Step::Allocate => drop(world.ask(Method::Allocate, &[UDP_ONLY])),
                Step::Refresh(s) => drop(world.ask(Method::Refresh, &[(attribute::LIFETIME, &s.to_be_bytes())])),
                Step::Permit(ip, port) => drop(world.permit(own(ip, port))),
                Step::Bind(number, ip, port) => drop(world.bind(number, own(ip, port))),
                Step::Send(ip, port, bytes) => drop(world.send(own(ip, port), &vec![0; bytes.into()])),
                Step::Data(number, bytes) => {
                    let frame = framing::write_channel_data(number, &vec![0; bytes.into()], false);
                    world.data(&frame);
                }
                Step::FromPeer(ip, bytes) => drop(world.receive(own(ip, 0), &vec![0; bytes.into()])),
                Step::Wait(s) => world.wait(s.into()),
                Step::Bytes(bytes) => {
                    world.give(&bytes);
                    world.data(&bytes);
                }
                Step::EndSession => {
                    world.ledger.end_session(world.session);
                    world.client.free(&mut world.ledger, &mut world.out);
                }
                Step::BeginSession => world.ledger.begin_session(world.session),
            }
            for output in world.out.drain(..) {
                match output {
                    Output::Allocated { relayed, .. } => {
                        live += 1;
                        prop_assert!(relayed.port() >= 49152 && !ours.contains(&relayed.to_string()));
                    }
                    Output::Freed => live -= 1,
                    Output::ToPeer { peer, .. } => prop_assert!(ours.contains(&peer.to_string()), "{} is not ours", peer),
                    Output::ToClient(_) | Output::ToStranger(_) => {}
                }
            }
            prop_assert_eq!(live, i32::from(world.client.has_allocation()));
            prop_assert_eq!(world.ledger.count().1 as i32, live);
            if let Some(owned) = &world.client.owned {
                let (permissions, channels) = owned.allocation.count();
                prop_assert!(permissions <= PERMISSIONS_MAX && channels <= CHANNELS_MAX);
                prop_assert!(owned.allocation.expires() > world.now.instant);
            }
        }
    }
}
