//! What str0m keeps to itself: what receivers report, and the keys by which media is encrypted.
//!
//! `Event::RawPacket` would hand the reports out, together with a copy of every packet of media. The ciphers are ours to choose, so those
//! that decrypt note what they decrypted while somebody [`listen`]s, and by which key and nonce; those that encrypt note that of a packet
//! too, and put into sender reports [how much was sent](count) of what does not leave through str0m. Otherwise they are those of
//! str0m's own provider.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, OnceLock};

use str0m::config::CryptoProvider;
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80, from_feature_flags,
};

use super::rtcp::{self, Count};
use super::seal::{Key, Sample};

thread_local! {
    static HEARD: RefCell<Option<Heard>> = const { RefCell::new(None) };
    static SAMPLE: Cell<Option<Sample>> = const { Cell::new(None) };
    static COUNTS: RefCell<Vec<Count>> = const { RefCell::new(Vec::new()) };
}

/// What was decrypted, and found to be genuine.
#[derive(Default)]
pub struct Heard {
    pub bytes: Vec<u8>,
    /// Of reports, by what; none where the cipher is another one than AES-GCM.
    pub by: Option<Sample>,
}

/// Does something, and returns what was decrypted meanwhile on this thread.
pub fn listen<T>(deed: impl FnOnce() -> T) -> (T, Heard) {
    HEARD.set(Some(Heard::default()));
    let done = deed();
    (done, HEARD.take().unwrap_or_default())
}

/// By what the last packet of media was encrypted on this thread, once; none where the cipher is another one than AES-GCM.
pub fn take_sample() -> Option<Sample> {
    SAMPLE.take()
}

/// Does something, while sender reports say that so much was sent. The counts are back when it is done.
pub fn count<T>(counts: &mut Vec<Count>, deed: impl FnOnce() -> T) -> T {
    COUNTS.replace(std::mem::take(counts));
    let done = deed();
    *counts = COUNTS.take();
    done
}

fn note(decrypted: &[u8], by: impl FnOnce() -> Option<Sample>) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard {
            heard.bytes.extend_from_slice(decrypted);
            heard.by = by();
        }
    });
}

/// str0m's own, with ears.
pub fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: OnceLock<Arc<CryptoProvider>> = OnceLock::new();
    let made = PROVIDER.get_or_init(|| {
        Arc::new(CryptoProvider {
            srtp_provider: &Tapped,
            ..plain().clone()
        })
    });
    made.clone()
}

fn plain() -> &'static CryptoProvider {
    static PLAIN: OnceLock<CryptoProvider> = OnceLock::new();
    PLAIN.get_or_init(from_feature_flags)
}

#[derive(Debug)]
struct Tapped;

impl SrtpProvider for Tapped {
    fn aes_128_cm_sha1_80(&self) -> &'static dyn SupportedAes128CmSha1_80 {
        &Tapped
    }

    fn aead_aes_128_gcm(&self) -> &'static dyn SupportedAeadAes128Gcm {
        &Tapped
    }

    fn aead_aes_256_gcm(&self) -> &'static dyn SupportedAeadAes256Gcm {
        &Tapped
    }

    fn srtp_aes_128_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        plain().srtp_provider.srtp_aes_128_ecb_round(key, input, output);
    }

    fn srtp_aes_256_ecb_round(&self, key: &[u8], input: &[u8], output: &mut [u8]) {
        plain().srtp_provider.srtp_aes_256_ecb_round(key, input, output);
    }
}

impl SupportedAes128CmSha1_80 for Tapped {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn Aes128CmSha1_80Cipher> {
        let made = plain().srtp_provider.aes_128_cm_sha1_80().create_cipher(key, encrypt);
        if encrypt {
            made
        } else {
            Box::new(Ear { inner: made, key: None })
        }
    }
}

impl SupportedAeadAes128Gcm for Tapped {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        let made = plain().srtp_provider.aead_aes_128_gcm().create_cipher(key, encrypt);
        if encrypt {
            Box::new(Hand::new(made, Key::Aes128(key)))
        } else {
            Box::new(Ear {
                inner: made,
                key: Some(Key::Aes128(key)),
            })
        }
    }
}

impl SupportedAeadAes256Gcm for Tapped {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        let made = plain().srtp_provider.aead_aes_256_gcm().create_cipher(key, encrypt);
        if encrypt {
            Box::new(Hand::new(made, Key::Aes256(key)))
        } else {
            Box::new(Ear {
                inner: made,
                key: Some(Key::Aes256(key)),
            })
        }
    }
}

/// A cipher that decrypts.
#[derive(Debug)]
struct Ear<C> {
    inner: C,
    /// Of AES-GCM.
    key: Option<Key>,
}

impl<C> Ear<C> {
    /// Something was decrypted that is genuine.
    fn heard(&self, nonce: &[u8; 12], clear: &[&[u8]], decrypted: &[u8]) {
        note(decrypted, || {
            let [clear, []] = clear else { return None };
            let header = <[u8; 12]>::try_from(*clear).ok().filter(|_| rtcp::is_rtcp(clear))?;
            Some(Sample {
                key: self.key?,
                nonce: *nonce,
                header,
            })
        });
    }
}

impl Aes128CmSha1_80Cipher for Ear<Box<dyn Aes128CmSha1_80Cipher>> {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.encrypt(iv, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.decrypt(iv, input, output)?;
        note(output.get(..input.len()).unwrap_or_default(), || None);
        Ok(())
    }
}

impl AeadAes128GcmCipher for Ear<Box<dyn AeadAes128GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.encrypt(iv, aad, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        let count = self.inner.decrypt(iv, aads, input, output)?;
        self.heard(iv, aads, output.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl AeadAes256GcmCipher for Ear<Box<dyn AeadAes256GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.inner.encrypt(iv, aad, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        let count = self.inner.decrypt(iv, aads, input, output)?;
        self.heard(iv, aads, output.get(..count).unwrap_or_default());
        Ok(count)
    }
}

/// A cipher that encrypts.
#[derive(Debug)]
struct Hand<C> {
    inner: C,
    key: Key,
}

impl<C> Hand<C> {
    fn new(inner: C, key: Key) -> Hand<C> {
        Hand { inner, key }
    }

    /// Notes what a packet of media is encrypted with. Of RTCP, gives the compound without what is in the clear, if it is another one.
    fn look(&self, nonce: &[u8; 12], clear: &[u8], input: &[u8]) -> Option<Vec<u8>> {
        let header = clear.first_chunk()?;
        if !rtcp::is_rtcp(clear) {
            SAMPLE.set(Some(Sample {
                key: self.key,
                nonce: *nonce,
                header: *header,
            }));
            return None;
        }
        COUNTS.with_borrow(|counts| {
            let clear = clear.get(..rtcp::CLEAR).filter(|_| !counts.is_empty())?;
            let mut compound = [clear, input].concat();
            rtcp::put_counts(&mut compound, counts);
            Some(compound.split_off(rtcp::CLEAR))
        })
    }
}

impl AeadAes128GcmCipher for Hand<Box<dyn AeadAes128GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let changed = self.look(iv, aad, input);
        self.inner.encrypt(iv, aad, changed.as_deref().unwrap_or(input), output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        self.inner.decrypt(iv, aads, input, output)
    }
}

impl AeadAes256GcmCipher for Hand<Box<dyn AeadAes256GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        let changed = self.look(iv, aad, input);
        self.inner.encrypt(iv, aad, changed.as_deref().unwrap_or(input), output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        self.inner.decrypt(iv, aads, input, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decrypted_is_heard_only_while_somebody_listens() {
        let ciphers = provider().srtp_provider.aead_aes_128_gcm();
        let (iv, header) = ([1; 12], [2; 12]);
        let mut sealed = [0; 3 + 16];
        let mut sender = ciphers.create_cipher([7; 16], true);
        sender.encrypt(&iv, &header, b"abc", &mut sealed).expect("it is sealed");
        let mut receiver = ciphers.create_cipher([7; 16], false);
        let mut open = |sealed: &[u8]| receiver.decrypt(&iv, &[&header], sealed, &mut [0; 3]).is_ok();
        assert!(open(&sealed));
        let (is_open, heard) = listen(|| open(&sealed));
        assert_eq!((is_open, &*heard.bytes), (true, &b"abc"[..]));
        assert!(listen(|| ()).1.bytes.is_empty());
        sealed[0] ^= 1;
        let (is_open, heard) = listen(|| open(&sealed));
        assert!(!is_open && heard.bytes.is_empty(), "it is forged");
    }

    #[test]
    fn what_media_is_encrypted_with_is_noted_once_and_reports_are_not_media() {
        let ciphers = provider().srtp_provider.aead_aes_256_gcm();
        let mut sender = ciphers.create_cipher([7; 32], true);
        let header: [u8; 12] = [0x80, 96, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9];
        sender.encrypt(&[1; 12], &header, b"abc", &mut [0; 19]).expect("it is sealed");
        let sample = take_sample().expect("it was media");
        assert!(sample.key == Key::Aes256([7; 32]));
        assert_eq!((sample.nonce, sample.header), ([1; 12], header));
        sender
            .encrypt(&[2; 12], &[0x80, 201, 0, 1, 0, 0, 0, 9, 0, 0, 0, 0], b"", &mut [0; 16])
            .expect("it is sealed");
        assert!(take_sample().is_none());
    }

    #[test]
    fn what_reports_are_decrypted_with_is_noted_and_media_are_not_reports() {
        let ciphers = provider().srtp_provider.aead_aes_256_gcm();
        let (mut sender, mut receiver) = (ciphers.create_cipher([7; 32], true), ciphers.create_cipher([7; 32], false));
        let mut open = |clear: &[u8; 12]| {
            let mut sealed = [0; 3 + 16];
            sender.encrypt(&[1; 12], clear, b"abc", &mut sealed).expect("it is sealed");
            let (opened, heard) = listen(|| receiver.decrypt(&[1; 12], &[clear, &[]], &sealed, &mut [0; 3]));
            assert!(opened.is_ok() && heard.bytes == b"abc");
            heard.by
        };
        assert!(open(&[0x80, 96, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9]).is_none());
        let clear = [0x8f, 205, 0, 5, 0, 0, 0, 1, 0x80, 0, 0, 9];
        let sample = open(&clear).expect("they were reports");
        assert!(sample.key == Key::Aes256([7; 32]));
        assert_eq!((sample.nonce, sample.header), ([1; 12], clear));
    }

    #[test]
    fn reports_say_what_was_really_sent() {
        let ciphers = provider().srtp_provider.aead_aes_128_gcm();
        let (mut sender, mut receiver) = (ciphers.create_cipher([7; 16], true), ciphers.create_cipher([7; 16], false));
        let clear: [u8; 12] = [0x80, 200, 0, 6, 0, 0, 0, 9, 0x80, 0, 0, 1];
        let mut counts = vec![Count {
            ssrc: 9,
            packets: 3,
            bytes: 4,
        }];
        let mut sealed = [0; 20 + 16];
        count(&mut counts, || sender.encrypt(&[1; 12], &clear, &[5; 20], &mut sealed)).expect("it is sealed");
        assert_eq!(counts.len(), 1, "they are back");
        let mut report = [0; 20];
        receiver
            .decrypt(&[1; 12], &[&clear], &sealed, &mut report)
            .expect("it is genuine");
        assert_eq!(report[..12], [5; 12]);
        assert_eq!(report[12..], [0, 0, 0, 3, 0, 0, 0, 4]);
    }
}
