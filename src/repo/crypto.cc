#include "repo/crypto.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <mutex>
#include <vector>

#include <openssl/evp.h>
#include <sodium.h>

#include "rows/blake2b_many.h"

namespace aerie::repo {
namespace {

void EnsureSodium() {
  static const int result = sodium_init();
  (void)result;  // negative only when the machine has no random source, which sodium aborts on
}

std::mutex g_random_mutex;
bool g_random_fixed = false;
std::uint64_t g_random_seed = 0;
std::uint64_t g_random_calls = 0;

bool FillFixed(std::span<std::uint8_t> out) {
  std::lock_guard lock(g_random_mutex);
  if (!g_random_fixed) return false;
  std::array<std::uint8_t, randombytes_SEEDBYTES> seed{};
  const std::uint64_t call = g_random_calls++;
  std::memcpy(seed.data(), &g_random_seed, sizeof(g_random_seed));
  std::memcpy(seed.data() + 8, &call, sizeof(call));
  randombytes_buf_deterministic(out.data(), out.size(), seed.data());
  return true;
}

constexpr std::size_t kTreeNameFrom = 64 << 10;  // plain bytes
constexpr std::size_t kPieceBytes = 8 << 10;
constexpr std::uint8_t kTreeNameBit = 0x80;

BlobName HashParts(const SecretKey& key, std::initializer_list<ByteSpan> parts) {
  BlobName name;
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), SecretKey::size(), name.bytes.size());
  for (const ByteSpan part : parts) {
    crypto_generichash_update(&state, part.data(), part.size());
  }
  crypto_generichash_final(&state, name.bytes.data(), name.bytes.size());
  sodium_memzero(&state, sizeof(state));
  return name;
}

using Piece = std::array<std::uint8_t, 32>;

// BLAKE2b-256 of each kPieceBytes of `bytes`, the last piece being what is left.
std::vector<Piece> HashPieces(const SecretKey& key, ByteSpan bytes) {
  std::vector<Piece> hashes((bytes.size() + kPieceBytes - 1) / kPieceBytes);
  const std::uint8_t* data[rows::kBlake2bLanes];
  std::size_t size[rows::kBlake2bLanes];
  std::uint64_t out[rows::kBlake2bLanes][4];
  for (std::size_t at = 0; at < hashes.size(); at += rows::kBlake2bLanes) {
    const std::size_t count = std::min(rows::kBlake2bLanes, hashes.size() - at);
    for (std::size_t i = 0; i < count; ++i) {
      data[i] = bytes.data() + (at + i) * kPieceBytes;
      size[i] = std::min(kPieceBytes, bytes.size() - (at + i) * kPieceBytes);
    }
    rows::KeyedBlake2bMany(key.data(), data, size, count, out);
    std::memcpy(hashes[at].data(), out, count * sizeof(Piece));
  }
  return hashes;
}

struct CipherContextDeleter {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, CipherContextDeleter>;

// Looking a cipher up costs more than sealing a small blob.
const EVP_CIPHER* AesGcm() {
  static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return cipher;
}

EVP_CIPHER_CTX* ThreadContext(bool encrypt) {
  thread_local CipherContext sealing(EVP_CIPHER_CTX_new());
  thread_local CipherContext unsealing(EVP_CIPHER_CTX_new());
  return encrypt ? sealing.get() : unsealing.get();
}

// EVP takes int lengths.
bool FitsInt(std::size_t size) {
  return size <= static_cast<std::size_t>(std::numeric_limits<int>::max());
}

std::array<std::uint8_t, kTagBytes> PlainTag(const SecretKey& key, const Nonce& nonce, ByteSpan aad,
                                             ByteSpan plain) {
  std::array<std::uint8_t, kTagBytes> tag;
  const std::uint64_t aad_size = aad.size();
  crypto_generichash_state state;
  crypto_generichash_init(&state, key.data(), SecretKey::size(), tag.size());
  crypto_generichash_update(&state, reinterpret_cast<const std::uint8_t*>(&aad_size),
                            sizeof(aad_size));
  crypto_generichash_update(&state, aad.data(), aad.size());
  crypto_generichash_update(&state, nonce.data(), nonce.size());
  crypto_generichash_update(&state, plain.data(), plain.size());
  crypto_generichash_final(&state, tag.data(), tag.size());
  sodium_memzero(&state, sizeof(state));
  return tag;
}

bool SealGcm(const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan plain,
             std::span<std::uint8_t> sealed) {
  EVP_CIPHER_CTX* const context = ThreadContext(true);
  int length = 0;
  return context != nullptr &&
         EVP_EncryptInit_ex2(context, AesGcm(), key.data(), nonce.data(), nullptr) == 1 &&
         EVP_EncryptUpdate(context, nullptr, &length, aad.data(), static_cast<int>(aad.size())) ==
             1 &&
         EVP_EncryptUpdate(context, sealed.data(), &length, plain.data(),
                           static_cast<int>(plain.size())) == 1 &&
         EVP_EncryptFinal_ex(context, sealed.data() + plain.size(), &length) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                             sealed.data() + plain.size()) == 1;
}

bool UnsealGcm(const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan sealed,
               std::span<std::uint8_t> plain) {
  EVP_CIPHER_CTX* const context = ThreadContext(false);
  std::array<std::uint8_t, kTagBytes> tag;
  std::memcpy(tag.data(), sealed.data() + plain.size(), tag.size());
  std::uint8_t none = 0;
  int length = 0;
  return context != nullptr &&
         EVP_DecryptInit_ex2(context, AesGcm(), key.data(), nonce.data(), nullptr) == 1 &&
         EVP_DecryptUpdate(context, nullptr, &length, aad.data(), static_cast<int>(aad.size())) ==
             1 &&
         EVP_DecryptUpdate(context, plain.empty() ? &none : plain.data(), &length, sealed.data(),
                           static_cast<int>(plain.size())) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context, &none, &length) == 1;
}

}  // namespace

std::optional<ObjectId> ObjectId::Parse(std::string_view hex) {
  if (hex.size() != 32 || hex.find_first_not_of("0123456789abcdef") != std::string_view::npos) {
    return std::nullopt;
  }
  const Result<Bytes> bytes = FromHex(hex);
  if (!bytes.ok()) return std::nullopt;
  ObjectId id;
  std::memcpy(id.bytes.data(), bytes->data(), id.bytes.size());
  return id;
}

std::size_t ObjectIdHash::operator()(const ObjectId& id) const {
  std::size_t hash;  // ids are random already
  std::memcpy(&hash, id.bytes.data(), sizeof(hash));
  return hash;
}

std::size_t BlobNameHash::operator()(const BlobName& name) const {
  std::size_t hash;  // names are hashes already
  std::memcpy(&hash, name.bytes.data(), sizeof(hash));
  return hash;
}

SecretKey::~SecretKey() { sodium_memzero(bytes_.data(), bytes_.size()); }

bool SecretKey::operator==(const SecretKey& other) const {
  return sodium_memcmp(bytes_.data(), other.bytes_.data(), bytes_.size()) == 0;
}

KeyRing DeriveKeys(const SecretKey& master, Suite suite, const ObjectId& repository) {
  EnsureSodium();
  KeyRing ring;
  ring.suite = suite;
  ring.repository = repository;
  const auto derive = [&](SecretKey& key, const char* purpose) {
    crypto_kdf_derive_from_key(key.data(), SecretKey::size(), 1, purpose, master.data());
  };
  derive(ring.names.key, "aerienam");
  derive(ring.packs, "aeriepak");
  derive(ring.meta, "aeriemet");
  derive(ring.config, "aeriecfg");
  derive(ring.carry, "aeriecry");
  return ring;
}

SecretKey DeriveObjectKey(const SecretKey& parent, std::string_view object_key) {
  SecretKey key;
  const ByteSpan text = AsBytes(object_key);
  crypto_generichash(key.data(), SecretKey::size(), text.data(), text.size(), parent.data(),
                     SecretKey::size());
  return key;
}

std::vector<SecretKey> PackKeysToTry(const KeyRing& keys, std::string_view object_key) {
  std::vector<SecretKey> tries = {DeriveObjectKey(keys.packs, object_key)};
  if (keys.former) tries.push_back(DeriveObjectKey(keys.former->packs, object_key));
  return tries;
}

std::vector<SecretKey> MetaKeysToTry(const KeyRing& keys, std::string_view object_key) {
  std::vector<SecretKey> tries = {DeriveObjectKey(keys.meta, object_key)};
  if (keys.former) tries.push_back(DeriveObjectKey(keys.former->meta, object_key));
  return tries;
}

BlobName NameBlob(const BlobNaming& names, BlobKind kind, ByteSpan plain) {
  const auto byte = static_cast<std::uint8_t>(kind);
  if (!names.trees || plain.size() < kTreeNameFrom) {
    return HashParts(names.key, {ByteSpan(&byte, 1), plain});
  }
  const auto tree_byte = static_cast<std::uint8_t>(byte | kTreeNameBit);
  std::uint8_t size[8];
  for (int i = 0; i < 8; ++i) size[i] = static_cast<std::uint8_t>(plain.size() >> 8 * i);
  const std::vector<Piece> pieces = HashPieces(names.key, plain);
  return HashParts(
      names.key,
      {ByteSpan(&tree_byte, 1), size, {pieces.front().data(), pieces.size() * sizeof(Piece)}});
}

std::array<std::uint8_t, 32> KeyedHash(const SecretKey& key, ByteSpan bytes) {
  std::array<std::uint8_t, 32> hash;
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), key.data(),
                     SecretKey::size());
  return hash;
}

std::array<std::uint8_t, 16> PlainHash(ByteSpan bytes) {
  std::array<std::uint8_t, 16> hash;
  crypto_generichash(hash.data(), hash.size(), bytes.data(), bytes.size(), nullptr, 0);
  return hash;
}

Status Seal(Suite suite, const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan plain,
            std::span<std::uint8_t> sealed) {
  if (sealed.size() != plain.size() + kTagBytes || !FitsInt(sealed.size()) ||
      !FitsInt(aad.size())) {
    return InternalError("seal: the sizes do not fit");
  }
  if (suite == Suite::kNone) {
    const auto tag = PlainTag(key, nonce, aad, plain);
    if (!plain.empty()) std::memmove(sealed.data(), plain.data(), plain.size());
    std::memcpy(sealed.data() + plain.size(), tag.data(), tag.size());
    return Ok();
  }
  if (!SealGcm(key, nonce, aad, plain, sealed)) {
    return InternalError("seal: OpenSSL refused AES-256-GCM; check the OpenSSL installation");
  }
  return Ok();
}

Status Unseal(Suite suite, const SecretKey& key, const Nonce& nonce, ByteSpan aad, ByteSpan sealed,
              std::span<std::uint8_t> plain) {
  if (sealed.size() < kTagBytes) return CorruptError("unseal: shorter than its code");
  if (plain.size() + kTagBytes != sealed.size() || !FitsInt(sealed.size()) ||
      !FitsInt(aad.size())) {
    return InternalError("unseal: the sizes do not fit");
  }
  if (suite == Suite::kNone) {
    const ByteSpan body = sealed.first(plain.size());
    const auto tag = PlainTag(key, nonce, aad, body);
    if (sodium_memcmp(tag.data(), sealed.data() + body.size(), tag.size()) != 0) {
      return CorruptError("unseal: the bytes do not fit their code");
    }
    if (!body.empty()) std::memmove(plain.data(), body.data(), body.size());
    return Ok();
  }
  if (!UnsealGcm(key, nonce, aad, sealed, plain)) {
    return CorruptError("unseal: the bytes do not fit their code");
  }
  return Ok();
}

Result<SecretKey> StretchPassphrase(const Secret& passphrase, const Salt& salt,
                                    std::uint32_t passes, std::uint64_t memory) {
  EnsureSodium();
  static_assert(crypto_pwhash_argon2id_SALTBYTES == std::tuple_size_v<Salt>);
  SecretKey key;
  const std::string_view text = passphrase.Reveal();
  if (crypto_pwhash(key.data(), SecretKey::size(), text.data(), text.size(), salt.data(), passes,
                    static_cast<std::size_t>(memory), crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return FailedError("stretch the passphrase: " + std::to_string(memory >> 20) +
                       " MiB of memory are needed and not to be had; free some");
  }
  return key;
}

WrappedKey WrapKey(const SecretKey& wrapping, const WrapNonce& nonce, ByteSpan aad,
                   const SecretKey& master) {
  EnsureSodium();
  WrappedKey wrapped;
  crypto_aead_xchacha20poly1305_ietf_encrypt(wrapped.data(), nullptr, master.data(),
                                             SecretKey::size(), aad.data(), aad.size(), nullptr,
                                             nonce.data(), wrapping.data());
  return wrapped;
}

std::optional<SecretKey> UnwrapKey(const SecretKey& wrapping, const WrapNonce& nonce, ByteSpan aad,
                                   const WrappedKey& wrapped) {
  EnsureSodium();
  SecretKey master;
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(master.data(), nullptr, nullptr, wrapped.data(),
                                                 wrapped.size(), aad.data(), aad.size(),
                                                 nonce.data(), wrapping.data()) != 0) {
    return std::nullopt;
  }
  return master;
}

void FillRandom(std::span<std::uint8_t> out) {
  EnsureSodium();
  if (!FillFixed(out)) randombytes_buf(out.data(), out.size());
}

ObjectId RandomId() {
  ObjectId id;
  FillRandom(id.bytes);
  return id;
}

FixedRandomForTest::FixedRandomForTest(std::uint64_t seed) {
  EnsureSodium();
  std::lock_guard lock(g_random_mutex);
  g_random_fixed = true;
  g_random_seed = seed;
  g_random_calls = 0;
}

FixedRandomForTest::~FixedRandomForTest() {
  std::lock_guard lock(g_random_mutex);
  g_random_fixed = false;
}

}  // namespace aerie::repo
