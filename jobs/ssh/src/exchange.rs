//! The key exchange, up to the server's proof that it holds its host key (RFC 4253, 8; RFC 5656, 4; RFC 8731, 3).

use crate::end::End;
use crate::fields::{Fields, put, put_magnitude};
use crate::identification::{Identification, OURS};
use crate::key::{HostKey, KeyKind, verified};
use crate::offers::{Method, Offers};
use crate::wire::{Wire, packet};
use ring::agreement::{EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::digest::digest;
use ring::rand::SystemRandom;
use tokio::io::{AsyncRead, AsyncWrite};

const ECDH_INIT: u8 = 30;
const ECDH_REPLY: u8 = 31;

/// What the server answers to our half of the exchange.
struct Reply<'a> {
    blob: &'a [u8],
    half: &'a [u8],
    signature: &'a [u8],
}

/// Does the exchange for a host key of this kind.
pub(crate) async fn prove<S: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<S>,
    server: &Identification,
    offers: &Offers,
    method: &Method,
    (kind, algorithm): (KeyKind, &str),
) -> Result<HostKey, End> {
    let no_randomness = |_| End::Said("cannot be asked: this host gives no random numbers".to_owned());
    let secret = EphemeralPrivateKey::generate(method.curve, &SystemRandom::new()).map_err(no_randomness)?;
    let ours = secret.compute_public_key().map_err(no_randomness)?;
    let init = offers.answer(method, algorithm);
    let mut begin = vec![ECDH_INIT];
    put(&mut begin, ours.as_ref());
    wire.say(&[packet(&init), packet(&begin)].concat()).await?;

    let message = wire.message().await?;
    let reply = reply(&message).ok_or_else(|| {
        let number = message.first().copied().unwrap_or(0);
        End::Said(format!("answers the key exchange with another message (number {number}) than SSH has there"))
    })?;
    // What both sides have said so far, and the secret: that is signed.
    let mut said = Vec::new();
    for part in [OURS, &server.line, &init, &offers.message, reply.blob, ours.as_ref(), reply.half] {
        put(&mut said, part);
    }
    let theirs = UnparsedPublicKey::new(method.curve, reply.half);
    let hash = agree_ephemeral(secret, &theirs, |shared| {
        put_magnitude(&mut said, shared);
        digest(method.hash, &said)
    });
    let hash =
        hash.map_err(|_| End::Said("sends a half of the key exchange that is no point of its curve".to_owned()))?;
    verified(kind, algorithm, reply.blob, hash.as_ref(), reply.signature)
}

fn reply(message: &[u8]) -> Option<Reply<'_>> {
    let mut fields = Fields(message);
    fields.byte().filter(|number| *number == ECDH_REPLY)?;
    Some(Reply { blob: fields.string()?, half: fields.string()?, signature: fields.string()? })
}
