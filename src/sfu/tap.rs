//! What str0m decrypts and keeps to itself: the receiver's feedback on each packet, which says what its network takes.
//!
//! `Event::RawPacket` would hand it out, together with a copy of every packet of media. The ciphers that decrypt are ours to choose, so
//! these note what they decrypted while somebody [`listen`]s; otherwise they are those of str0m's own provider.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use str0m::config::CryptoProvider;
use str0m::crypto::{
    AeadAes128GcmCipher, AeadAes256GcmCipher, Aes128CmSha1_80Cipher, CryptoError, SrtpProvider, SupportedAeadAes128Gcm,
    SupportedAeadAes256Gcm, SupportedAes128CmSha1_80, from_feature_flags,
};

thread_local! {
    static HEARD: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// Does something, and returns what was decrypted meanwhile on this thread, and was found to be genuine.
pub fn listen<T>(deed: impl FnOnce() -> T) -> (T, Vec<u8>) {
    HEARD.set(Some(Vec::new()));
    let done = deed();
    (done, HEARD.take().unwrap_or_default())
}

fn note(decrypted: &[u8]) {
    HEARD.with_borrow_mut(|heard| {
        if let Some(heard) = heard {
            heard.extend_from_slice(decrypted);
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
        if encrypt { made } else { Box::new(Ear(made)) }
    }
}

impl SupportedAeadAes128Gcm for Tapped {
    fn create_cipher(&self, key: [u8; 16], encrypt: bool) -> Box<dyn AeadAes128GcmCipher> {
        let made = plain().srtp_provider.aead_aes_128_gcm().create_cipher(key, encrypt);
        if encrypt { made } else { Box::new(Ear(made)) }
    }
}

impl SupportedAeadAes256Gcm for Tapped {
    fn create_cipher(&self, key: [u8; 32], encrypt: bool) -> Box<dyn AeadAes256GcmCipher> {
        let made = plain().srtp_provider.aead_aes_256_gcm().create_cipher(key, encrypt);
        if encrypt { made } else { Box::new(Ear(made)) }
    }
}

/// A cipher that decrypts.
#[derive(Debug)]
struct Ear<C>(C);

impl Aes128CmSha1_80Cipher for Ear<Box<dyn Aes128CmSha1_80Cipher>> {
    fn encrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt(iv, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 16], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.0.decrypt(iv, input, output)?;
        note(output.get(..input.len()).unwrap_or_default());
        Ok(())
    }
}

impl AeadAes128GcmCipher for Ear<Box<dyn AeadAes128GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt(iv, aad, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        let count = self.0.decrypt(iv, aads, input, output)?;
        note(output.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl AeadAes256GcmCipher for Ear<Box<dyn AeadAes256GcmCipher>> {
    fn encrypt(&mut self, iv: &[u8; 12], aad: &[u8], input: &[u8], output: &mut [u8]) -> Result<(), CryptoError> {
        self.0.encrypt(iv, aad, input, output)
    }

    fn decrypt(&mut self, iv: &[u8; 12], aads: &[&[u8]], input: &[u8], output: &mut [u8]) -> Result<usize, CryptoError> {
        let count = self.0.decrypt(iv, aads, input, output)?;
        note(output.get(..count).unwrap_or_default());
        Ok(count)
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
        assert_eq!(listen(|| open(&sealed)), (true, b"abc".to_vec()));
        assert_eq!(listen(|| ()), ((), Vec::new()));
        sealed[0] ^= 1;
        assert_eq!(listen(|| open(&sealed)), (false, Vec::new()), "it is forged");
    }
}
