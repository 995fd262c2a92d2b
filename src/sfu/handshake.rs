//! Which DTLS messages may come in the clear, from whom. dimpl queues a handshake message by its number alone, so that one that only
//! the other side can send, forged in the name of a browser, takes the place of the true one for good (threats 1.3).

/// Handshake messages in the clear (RFC 6347 section 4.2.2, RFC 5246 section 7.4, RFC 9147 section 5.2; there ClientHello and
/// ServerHello alone).
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const CERTIFICATE_STATUS: u8 = 22;

/// Content type, version, epoch and sequence number, length (RFC 6347 section 4.1).
const RECORD_HEADER_BYTES: usize = 13;
const HANDSHAKE: u8 = 22;

/// Whether every handshake message that a datagram has in the clear is one that the browser's side sends. `is_client`: whether we are
/// the client of the handshake. Of what is no DTLS nothing is said, and of a record that is cut short only what is there.
pub fn may_come(mut datagram: &[u8], is_client: bool) -> bool {
    while let Some((header, rest)) = datagram.split_at_checked(RECORD_HEADER_BYTES) {
        let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
        let is_clear = header[0] == HANDSHAKE && header[3..5] == [0, 0];
        if let (true, Some(message)) = (is_clear, rest.first()) {
            let is_theirs = match *message {
                SERVER_HELLO | HELLO_VERIFY_REQUEST | SERVER_KEY_EXCHANGE | CERTIFICATE_REQUEST | SERVER_HELLO_DONE
                | CERTIFICATE_STATUS => is_client,
                CLIENT_HELLO | CERTIFICATE_VERIFY | CLIENT_KEY_EXCHANGE => !is_client,
                CERTIFICATE => true,
                _ => false,
            };
            if !is_theirs {
                return false;
            }
        }
        datagram = rest.get(length..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: u8, epoch: u8, message: u8) -> Vec<u8> {
        let mut bytes = vec![content, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 7, 0, 12];
        bytes.push(message);
        bytes.extend([0; 11]);
        bytes
    }

    #[test]
    fn each_side_takes_the_messages_of_the_other() {
        for (message, of_a_server, of_a_client) in [
            (0, false, false),
            (CLIENT_HELLO, false, true),
            (SERVER_HELLO, true, false),
            (HELLO_VERIFY_REQUEST, true, false),
            (CERTIFICATE, true, true),
            (SERVER_HELLO_DONE, true, false),
            (CERTIFICATE_VERIFY, false, true),
            (CLIENT_KEY_EXCHANGE, false, true),
            (20, false, false),
        ] {
            let datagram = record(HANDSHAKE, 0, message);
            assert_eq!(may_come(&datagram, true), of_a_server, "{message} to a client");
            assert_eq!(may_come(&datagram, false), of_a_client, "{message} to a server");
        }
    }

    #[test]
    fn what_hides_behind_another_record_is_seen() {
        let datagram = [record(HANDSHAKE, 0, SERVER_HELLO), record(HANDSHAKE, 0, CLIENT_HELLO)].concat();
        assert!(!may_come(&datagram, true));
    }

    #[test]
    fn what_is_encrypted_or_no_handshake_passes() {
        for datagram in [
            record(HANDSHAKE, 1, 99),
            record(21, 0, 99),
            record(20, 0, 1),
            vec![],
            vec![22; 12],
            vec![0x80; 40],
        ] {
            assert!(may_come(&datagram, true) && may_come(&datagram, false));
        }
    }

    #[test]
    fn a_length_beyond_the_end_is_no_harm() {
        let mut datagram = record(HANDSHAKE, 0, SERVER_HELLO);
        datagram[11..13].copy_from_slice(&[0xff, 0xff]);
        assert!(may_come(&datagram, true));
        assert!(!may_come(&datagram, false));
    }
}
