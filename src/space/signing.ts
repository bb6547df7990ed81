// The one signer and the one verifier of entries: two that differ in a corner would make peers disagree for ever.

import sodium from "sodium-native";

export const SIGNATURE_BYTES = 64;

/** 64 bytes: the secret key that sodium signs with. */
export function secretKeyOf(seed: Uint8Array): Buffer {
  const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES);
  sodium.crypto_sign_seed_keypair(Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES), secretKey, Buffer.from(seed));
  return secretKey;
}

/** `message` as signedMessage made it. */
export function sign(message: Buffer, secretKey: Buffer): Buffer {
  const signature = Buffer.allocUnsafe(SIGNATURE_BYTES);
  sodium.crypto_sign_detached(signature, message, secretKey);
  return signature;
}

/** Keys of small order and malleable signatures are refused. */
export const verify = (message: Buffer, signature: Buffer, publicKey: Buffer): boolean =>
  signature.length === SIGNATURE_BYTES && sodium.crypto_sign_verify_detached(signature, message, publicKey);
