// Keys, sealing and the small objects: golden bytes, every flip, every truncation, wrong keys.
#include <algorithm>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "repo/carried_keys.h"
#include "repo/config_file.h"
#include "repo/crypto.h"
#include "repo/index_file.h"
#include "repo/key_file.h"
#include "repo/meta_object.h"
#include "repo/object_names.h"
#include "repo/pack_format.h"
#include "repo/snapshot_file.h"

namespace aerie::repo {
namespace {

template <std::size_t kSize>
void Count(std::array<std::uint8_t, kSize>& bytes, std::uint8_t first) {
  for (auto& byte : bytes) byte = first++;
}

SecretKey FixedMaster() {
  SecretKey master;
  for (std::size_t i = 0; i < SecretKey::size(); ++i)
    master.data()[i] = static_cast<std::uint8_t>(i);
  return master;
}

ObjectId FixedId(std::uint8_t first) {
  ObjectId id;
  Count(id.bytes, first);
  return id;
}

KeyRing FixedKeys(Suite suite = Suite::kAes256Gcm) {
  return DeriveKeys(FixedMaster(), suite, FixedId(0xa0));
}

constexpr KdfCost kCheap = {.passes = 1, .memory = kMinKdfMemory};
constexpr std::int64_t kCreated = 1'700'000'000'000;

// `accepts` must be true for the object and false for whatever one flip or cut makes of it.
void ExpectEveryByteCounts(const Bytes& object, const std::function<bool(ByteSpan)>& accepts) {
  ASSERT_TRUE(accepts(object));
  for (std::size_t size = 0; size < object.size(); ++size) {
    EXPECT_FALSE(accepts(ByteSpan(object).first(size))) << "cut to " << size;
  }
  Bytes longer = object;
  longer.push_back(0);
  EXPECT_FALSE(accepts(longer));
  Bytes flipped = object;
  for (std::size_t bit = 0; bit < object.size() * 8; ++bit) {
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    EXPECT_FALSE(accepts(flipped)) << "bit " << bit;
    flipped[bit / 8] = object[bit / 8];
  }
}

Snapshot SomeSnapshot() {
  Snapshot snapshot;
  snapshot.id.hex = FixedId(0x30).ToHex();
  snapshot.created_ms = kCreated;
  snapshot.finished_ms = kCreated + 5;
  snapshot.program = "aerie 0.1.0";
  snapshot.host = "h\"ost";
  snapshot.cluster = "http://127.0.0.1:19530";
  snapshot.server_version = "v2.3.5";
  snapshot.tags = {"nightly", "äöü"};
  snapshot.parent = SnapshotId{FixedId(0x40).ToHex()};
  snapshot.complete = false;
  SnapshotCollection collection;
  collection.name = {"default", "kites"};
  collection.bytes = ~std::uint64_t{0};
  collection.digest.rows = 7;
  collection.digest.sum = {.low = 0x0123456789abcdef, .high = 0xfedcba9876543210};
  Count(collection.manifest.bytes, 1);
  collection.report.rows = 7;
  collection.report.counted = 9;
  collection.report.duplicate_keys = 1;
  collection.report.unreadable_keys = 2;
  collection.report.reread_ranges = 3;
  collection.report.fuzzy = true;
  collection.report.started_ms = -1;
  collection.report.finished_ms = kCreated;
  collection.report.read_ts = 4;
  collection.report.warnings = {"odd"};
  snapshot.collections = {collection};
  snapshot.stats = {.plain_bytes = 1, .stored_bytes = 2, .blobs_new = 3, .blobs_known = 4};
  return snapshot;
}

// ---- sealing ----

class SuiteTest : public ::testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(Suites, SuiteTest, ::testing::Values(Suite::kNone, Suite::kAes256Gcm),
                         [](const auto& suite) {
                           return suite.param == Suite::kNone ? "None" : "Aes";
                         });

TEST_P(SuiteTest, SealedBytesComeBackAndEveryBitOfThemCounts) {
  const Suite suite = GetParam();
  const SecretKey key = DeriveObjectKey(FixedMaster(), "packs/x");
  const Nonce nonce = BlobNonce(3);
  const Bytes aad = {9, 8, 7};
  for (const std::size_t size : {0, 1, 40}) {
    const Bytes plain(size, 0x5a);
    Bytes sealed(size + kTagBytes);
    ASSERT_TRUE(Seal(suite, key, nonce, aad, plain, sealed).ok());
    ExpectEveryByteCounts(sealed, [&](ByteSpan bytes) {
      Bytes out(bytes.size() < kTagBytes ? 0 : bytes.size() - kTagBytes);
      return Unseal(suite, key, nonce, aad, bytes, out).ok() && out == plain;
    });
    Bytes out(size);
    EXPECT_EQ(KindOf(Unseal(suite, key, BlobNonce(4), aad, sealed, out)), Kind::kCorrupt);
    EXPECT_EQ(KindOf(Unseal(suite, key, nonce, Bytes{9, 8}, sealed, out)), Kind::kCorrupt);
    EXPECT_EQ(KindOf(Unseal(suite, FixedMaster(), nonce, aad, sealed, out)), Kind::kCorrupt);
  }
}

TEST_P(SuiteTest, SealingMayBeDoneInPlace) {
  const SecretKey key = FixedMaster();
  Bytes bytes(50 + kTagBytes, 0x33);
  ASSERT_TRUE(Seal(GetParam(), key, BlobNonce(0), {}, ByteSpan(bytes).first(50), bytes).ok());
  ASSERT_TRUE(Unseal(GetParam(), key, BlobNonce(0), {}, bytes, std::span(bytes).first(50)).ok());
  EXPECT_EQ(Bytes(bytes.begin(), bytes.begin() + 50), Bytes(50, 0x33));
}

TEST(Crypto, NamesAndKeysAreTheSpecifiedHashes) {
  // Worked out apart from this program, with Python's hashlib.blake2b; see docs/format.md.
  const KeyRing keys = FixedKeys();
  EXPECT_EQ(ToHex({keys.names.key.data(), 32}),
            "3206be4ac8493951ebe03633fe3106eb4ef27e4f6c05629ec9eaaf29ee576af8");
  EXPECT_EQ(ToHex({DeriveObjectKey(keys.packs, "packs/3f/3f").data(), 32}),
            "26f58c1271c59a708b034f1b30508480854dba4d376b1d05a56e234271a53858");
  EXPECT_EQ(NameBlob(keys.names, BlobKind::kRowDigests, AsBytes("kite")).ToHex(),
            "0239be4531042e8ed71ac44d906ec0d6443142dc4d225d7e4d55fb305e100d3a");
}

// docs/format.md, section Blobs and packs, word for word.
BlobName TreeName(const SecretKey& key, BlobKind kind, ByteSpan plain) {
  Bytes text = {static_cast<std::uint8_t>(static_cast<int>(kind) + 128)};
  for (int i = 0; i < 8; ++i) text.push_back(static_cast<std::uint8_t>(plain.size() >> 8 * i));
  for (std::size_t at = 0; at < plain.size(); at += 8192) {
    const auto hash =
        KeyedHash(key, plain.subspan(at, std::min<std::size_t>(8192, plain.size() - at)));
    text.insert(text.end(), hash.begin(), hash.end());
  }
  return {KeyedHash(key, text)};
}

TEST(Crypto, TreesNameWhatIsLarge) {
  BlobNaming names = FixedKeys().names;
  const BlobNaming without = names;
  names.trees = true;
  Bytes plain(300'001);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    plain[i] = static_cast<std::uint8_t>(i * i >> 7);
  }
  for (const std::size_t size : {0, 4, 65535}) {
    const ByteSpan bytes = ByteSpan(plain).first(size);
    EXPECT_EQ(NameBlob(names, BlobKind::kColumn, bytes),
              NameBlob(without, BlobKind::kColumn, bytes))
        << size;
  }
  for (const std::size_t size : {65536, 65537, 73727, 73728, 81920, 81921, 300'001}) {
    const ByteSpan bytes = ByteSpan(plain).first(size);
    for (const BlobKind kind : {BlobKind::kColumn, BlobKind::kPatch}) {
      EXPECT_EQ(NameBlob(names, kind, bytes), TreeName(names.key, kind, bytes)) << size;
    }
  }
  EXPECT_EQ(NameBlob(names, BlobKind::kColumn, plain).ToHex(),
            "e19c252cf6708f839eb922e00662b249608b79f66c9e3122a84696cfdda74bf5");
}

TEST(Crypto, ThePlainSuiteIsTheBytesAndAKeyedHash) {
  Bytes sealed(4 + kTagBytes);
  ASSERT_TRUE(
      Seal(Suite::kNone, FixedMaster(), BlobNonce(1), AsBytes("aad"), AsBytes("kite"), sealed)
          .ok());
  EXPECT_EQ(ToHex(sealed), "6b69746509342eff6ce07b7e084eb2ec8e2daaa0");
}

TEST(Crypto, AnIdIsExactly32LowerCaseDigits) {
  EXPECT_EQ(ObjectId::Parse(FixedId(0xa0).ToHex()), FixedId(0xa0));
  EXPECT_FALSE(ObjectId::Parse(std::string(31, 'a')));
  EXPECT_FALSE(ObjectId::Parse(std::string(32, 'A')));
  EXPECT_FALSE(ObjectId::Parse(std::string(32, 'g')));
}

TEST(Crypto, TheTestHookRepeatsItselfAndEnds) {
  ObjectId first;
  {
    FixedRandomForTest fixed(5);
    first = RandomId();
    EXPECT_NE(RandomId(), first);
  }
  {
    FixedRandomForTest fixed(5);
    EXPECT_EQ(RandomId(), first);
  }
  EXPECT_NE(RandomId(), first);
}

// ---- key files ----

KeyFile FixedKeyFile(Kdf kdf) {
  FixedRandomForTest fixed(1);
  return *WrapMasterKey(FixedMaster(), FixedId(1), kdf, Secret("kite"), kCheap, kCreated);
}

TEST(KeyFile, EveryByteCounts) {
  for (const Kdf kdf : {Kdf::kNone, Kdf::kArgon2id}) {
    const Bytes object = EncodeKeyFile(FixedKeyFile(kdf));
    EXPECT_EQ(object.size(), kKeyFileBytes);
    ExpectEveryByteCounts(object, [](ByteSpan bytes) { return DecodeKeyFile(bytes, "k").ok(); });
  }
}

TEST(KeyFile, TheWrappingVouchesForItsHeaderAndId) {
  const KeyFile file = FixedKeyFile(Kdf::kArgon2id);
  EXPECT_TRUE(UnwrapMasterKey(file, FixedId(1), Secret("kite")).ok());
  const auto refused = [&](const std::function<void(KeyFile&)>& change) {
    KeyFile changed = file;
    change(changed);
    return KindOf(UnwrapMasterKey(changed, FixedId(1), Secret("kite")).status()) == Kind::kWrongKey;
  };
  EXPECT_TRUE(refused([](KeyFile& f) { f.created_ms++; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.cost.passes++; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.salt[0] ^= 1; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.nonce[0] ^= 1; }));
  EXPECT_TRUE(refused([](KeyFile& f) { f.wrapped[0] ^= 1; }));
  EXPECT_EQ(KindOf(UnwrapMasterKey(file, FixedId(2), Secret("kite")).status()), Kind::kWrongKey);
}

TEST(KeyFile, AWrongOrMissingPassphraseSaysWhatToDo) {
  const KeyFile file = FixedKeyFile(Kdf::kArgon2id);
  for (const char* const passphrase : {"", "Kite", "kite "}) {
    const Status status = UnwrapMasterKey(file, FixedId(1), Secret(passphrase)).status();
    EXPECT_EQ(KindOf(status), Kind::kWrongKey);
    const std::string message(status.message());
    EXPECT_NE(message.find("AERIE_PASSWORD"), std::string::npos);
    EXPECT_NE(message.find("--password-file"), std::string::npos);
  }
  EXPECT_TRUE(UnwrapMasterKey(FixedKeyFile(Kdf::kNone), FixedId(1), Secret()).ok());
}

TEST(KeyFile, ANewerOneAsksForANewerProgram) {
  Bytes object = EncodeKeyFile(FixedKeyFile(Kdf::kArgon2id));
  object[8] = 2;
  object.push_back(1);
  EXPECT_EQ(KindOf(DecodeKeyFile(object, "k").status()), Kind::kUnsupported);
}

TEST(KeyFile, CostsHaveLimitsBothWays) {
  const auto wrap = [](KdfCost cost) {
    return KindOf(
        WrapMasterKey(FixedMaster(), FixedId(1), Kdf::kArgon2id, Secret("x"), cost, 0).status());
  };
  EXPECT_EQ(wrap({.passes = 0, .memory = kMinKdfMemory}), Kind::kInvalid);
  EXPECT_EQ(wrap({.passes = 65, .memory = kMinKdfMemory}), Kind::kInvalid);
  EXPECT_EQ(wrap({.passes = 1, .memory = kMinKdfMemory - 1}), Kind::kInvalid);
  EXPECT_EQ(wrap({.passes = 1, .memory = kMaxKdfMemory + 1}), Kind::kInvalid);
  KeyFile file = FixedKeyFile(Kdf::kArgon2id);
  file.cost.passes = 65;
  EXPECT_EQ(KindOf(DecodeKeyFile(EncodeKeyFile(file), "k").status()), Kind::kCorrupt);
  file.cost = {.passes = 17, .memory = kMaxKdfMemory};
  EXPECT_EQ(KindOf(DecodeKeyFile(EncodeKeyFile(file), "k").status()), Kind::kCorrupt);
  file.cost = {.passes = 1, .memory = std::uint64_t{1} << 40};
  EXPECT_EQ(KindOf(DecodeKeyFile(EncodeKeyFile(file), "k").status()), Kind::kCorrupt);
  file.cost = {.passes = 1, .memory = kMaxKdfMemory + 1};
  EXPECT_EQ(KindOf(DecodeKeyFile(EncodeKeyFile(file), "k").status()), Kind::kCorrupt);
}

TEST(KeyFile, GoldenBytes) {
  EXPECT_EQ(
      ToHex(EncodeKeyFile(FixedKeyFile(Kdf::kArgon2id))),
      "41455249454b4559010001000100000000200000000000000068e5cf8b01000004069b5f37e82f91dc37fd5e"
      "b99f1a411cfd9e4fe36b5156c90ea3fd72f7e91f00ae8eee6e6d42880863e31acaab59508bf5b9f58dfce058"
      "441d390f2ebddbd670125fd76be078afe74cdfdf9690aa05c5c44424537dc7051825349d7b15ab3b111cee");
}

// ---- config ----

Bytes FixedConfig() {
  const KeyRing keys = FixedKeys();
  return EncodeConfig({.id = keys.repository, .suite = keys.suite, .created_ms = kCreated},
                      keys.config);
}

TEST(Config, OfARotationComesBackAndEveryByteCounts) {
  const KeyRing keys = FixedKeys();
  Config config{.id = keys.repository, .suite = keys.suite, .created_ms = kCreated};
  for (const bool under_way : {false, true}) {
    config.patches = under_way;
    RotationRecord& rotation = config.rotation.emplace();
    rotation.generation = 3;
    rotation.names = WrapCarried(keys, Carried::kNames, 3, keys.names.key);
    if (under_way) {
      rotation.former = WrapCarried(keys, Carried::kFormerMaster, 3, FixedMaster());
      rotation.marks = {MarkOf(keys), {}};
      rotation.retired = {FixedId(1), FixedId(2)};
    }
    const Bytes bytes = EncodeConfig(config, keys.config);
    const auto back = ParseConfig(bytes);
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(*back, config);
    ExpectEveryByteCounts(bytes, [&](ByteSpan changed) {
      return ParseConfig(changed).ok() && ConfigCodeFits(changed, keys.config);
    });
    KeyRing taken = DeriveKeys(FixedMaster(), keys.suite, keys.repository);
    ASSERT_TRUE(TakeCarriedKeys(config, taken).ok());
    EXPECT_EQ(taken.former.has_value(), under_way);
    rotation.generation = 4;
    EXPECT_EQ(KindOf(TakeCarriedKeys(config, taken)), Kind::kCorrupt) << "wrapped for another";
  }
}

TEST(Config, EveryByteCounts) {
  const KeyRing keys = FixedKeys();
  ExpectEveryByteCounts(FixedConfig(), [&](ByteSpan bytes) {
    return ParseConfig(bytes).ok() && ConfigCodeFits(bytes, keys.config);
  });
}

TEST(Config, GoldenBytes) {
  const Bytes config = FixedConfig();
  EXPECT_EQ(AsText(config),
            "{\"aerie\":\"repository\",\"version\":1,\"id\":\"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf\","
            "\"encryption\":\"aes-256-gcm\",\"features\":[],\"created_ms\":1700000000000}\n"
            "f514fe05668da603eb28edd37eb1a25cf1c3a4b3ed054636a4682d8141bd281e\n");
}

TEST(Config, NamesItsFeaturesInOrder) {
  const KeyRing keys = FixedKeys();
  Config config = {.id = keys.repository, .suite = keys.suite, .created_ms = kCreated};
  EXPECT_FALSE(ParseConfig(EncodeConfig(config, keys.config))->patches);
  EXPECT_FALSE(ParseConfig(EncodeConfig(config, keys.config))->tree_names);
  const auto expect_features = [&](const std::string& list) {
    const Bytes bytes = EncodeConfig(config, keys.config);
    EXPECT_NE(AsText(bytes).find("\"features\":[" + list + "],"), std::string_view::npos) << list;
    EXPECT_EQ(*ParseConfig(bytes), config);
  };
  config.patches = true;
  expect_features("\"patches\"");
  config.tree_names = true;
  expect_features("\"patches\",\"tree-names\"");
  config.patches = false;
  expect_features("\"tree-names\"");
}

TEST(Config, ANewerFormatAsksForANewerProgram) {
  const std::string code = "\n" + std::string(64, '0') + "\n";
  for (
      const std::string line :
      {R"({"aerie":"repository","version":2,"what":[]})",
       R"({"aerie":"repository","version":1,"id":"x","features":["wings"]})",
       R"({"aerie":"repository","version":1,"id":"x","features":["patches","wings"]})",
       R"({"aerie":"repository","version":1,"id":"a0a1a2a3a4a5a6a7a8a9aaabacadaeaf","encryption":"rot13","features":[],"created_ms":1})"}) {
    const Status status = ParseConfig(AsBytes(line + code)).status();
    EXPECT_EQ(KindOf(status), Kind::kUnsupported) << line;
    EXPECT_NE(std::string(status.message()).find("newer aerie"), std::string::npos);
  }
}

TEST(Config, AnotherFormOfTheSameIsRefused) {
  std::string text(AsText(FixedConfig()));
  text.insert(1, " ");
  EXPECT_EQ(KindOf(ParseConfig(AsBytes(text)).status()), Kind::kCorrupt);
  for (const char* const odd : {"", "\n", "[]\n", "null\n", "{}\n", "{\"aerie\":1}\n"}) {
    EXPECT_EQ(KindOf(ParseConfig(AsBytes(odd)).status()), Kind::kCorrupt) << odd;
  }
}

// ---- index and snapshot objects ----

class MetaTest : public ::testing::TestWithParam<Suite> {};
INSTANTIATE_TEST_SUITE_P(Suites, MetaTest, ::testing::Values(Suite::kNone, Suite::kAes256Gcm),
                         [](const auto& suite) {
                           return suite.param == Suite::kNone ? "None" : "Aes";
                         });

TEST_P(MetaTest, EveryByteCounts) {
  const KeyRing keys = FixedKeys(GetParam());
  const Bytes body = EncodeSnapshot(SomeSnapshot());
  const auto key = SnapshotKey(FixedId(0x30));
  const Bytes object = *SealMeta(keys, MetaType::kSnapshot, key, body);
  ExpectEveryByteCounts(object, [&](ByteSpan bytes) {
    return UnsealMeta(keys, MetaType::kSnapshot, key, bytes).ok();
  });
  EXPECT_EQ(*UnsealMeta(keys, MetaType::kSnapshot, key, object), body);
}

TEST_P(MetaTest, AnObjectIsGoodOnlyInItsPlace) {
  const KeyRing keys = FixedKeys(GetParam());
  const auto key = SnapshotKey(FixedId(0x30));
  const Bytes object = *SealMeta(keys, MetaType::kSnapshot, key, Bytes(10));
  const auto kind = [&](const KeyRing& with, MetaType type, const objects::ObjectKey& as) {
    return KindOf(UnsealMeta(with, type, as, object).status());
  };
  EXPECT_EQ(kind(keys, MetaType::kSnapshot, SnapshotKey(FixedId(0x31))), Kind::kCorrupt);
  EXPECT_EQ(kind(keys, MetaType::kIndex, key), Kind::kCorrupt);
  KeyRing other = keys;
  other.repository = FixedId(1);
  EXPECT_EQ(kind(other, MetaType::kSnapshot, key), Kind::kCorrupt);
  EXPECT_EQ(kind(DeriveKeys(SecretKey(), GetParam(), keys.repository), MetaType::kSnapshot, key),
            Kind::kCorrupt);
}

TEST(Meta, ANewerOneAsksForANewerProgram) {
  const KeyRing keys = FixedKeys();
  const auto key = IndexKey(FixedId(1));
  Bytes object = *SealMeta(keys, MetaType::kIndex, key, Bytes(10));
  object[8] = 2;
  EXPECT_EQ(KindOf(UnsealMeta(keys, MetaType::kIndex, key, object).status()), Kind::kUnsupported);
}

TEST(Meta, ALyingLengthReservesNothing) {
  Bytes compressed = CompressMeta(Bytes(100));
  compressed[3] = 0x3f;  // about a gigabyte
  EXPECT_EQ(KindOf(DecompressMeta(compressed).status()), Kind::kCorrupt);
}

TEST(SnapshotFile, EverythingComesBack) {
  const Snapshot snapshot = SomeSnapshot();
  const Bytes body = EncodeSnapshot(snapshot);
  const auto decoded = DecodeSnapshot(body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(EncodeSnapshot(*decoded), body);
  EXPECT_EQ(decoded->parent->hex, snapshot.parent->hex);
  EXPECT_EQ(decoded->collections[0].digest, snapshot.collections[0].digest);
  EXPECT_EQ(decoded->collections[0].manifest, snapshot.collections[0].manifest);
  EXPECT_EQ(decoded->collections[0].bytes, snapshot.collections[0].bytes);
  EXPECT_EQ(decoded->collections[0].report.started_ms, -1);
  EXPECT_EQ(decoded->tags, snapshot.tags);
  EXPECT_FALSE(decoded->complete);
}

TEST(SnapshotFile, TheOriginOfACopyComesBack) {
  Snapshot snapshot = SomeSnapshot();
  EXPECT_FALSE(DecodeSnapshot(EncodeSnapshot(snapshot))->origin.has_value());
  snapshot.origin = SnapshotOrigin{FixedId(0x50).ToHex(), {FixedId(0x60).ToHex()}};
  const Bytes body = EncodeSnapshot(snapshot);
  const auto decoded = DecodeSnapshot(body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(decoded->origin, snapshot.origin);
  EXPECT_TRUE(AsText(body).ends_with(R"("origin":{"repository":"505152535455565758595a5b5c5d5e5f",)"
                                     R"("snapshot":"606162636465666768696a6b6c6d6e6f"}})"));
  snapshot.origin->repository = "x";
  EXPECT_EQ(KindOf(DecodeSnapshot(EncodeSnapshot(snapshot)).status()), Kind::kCorrupt);
}

TEST(SnapshotFile, GoldenBytes) {
  EXPECT_EQ(AsText(EncodeSnapshot(SomeSnapshot())),
            R"({"id":"303132333435363738393a3b3c3d3e3f","created_ms":1700000000000,)"
            R"("finished_ms":1700000000005,"program":"aerie 0.1.0","host":"h\"ost",)"
            R"("cluster":"http://127.0.0.1:19530","version":"v2.3.5","tags":["nightly","äöü"],)"
            R"("parent":"404142434445464748494a4b4c4d4e4f","complete":false,"collections":[)"
            R"({"database":"default","name":"kites","rows":7,"bytes":18446744073709551615,)"
            R"("digest":"fedcba98765432100123456789abcdef",)"
            R"("manifest":"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",)"
            R"("report":{"rows":7,"counted":9,"duplicate_keys":1,"unreadable_keys":2,)"
            R"("reread_ranges":3,"fuzzy":true,"started_ms":-1,"finished_ms":1700000000000,)"
            R"("read_ts":4,"warnings":["odd"]}}],"statistics":{"plain_bytes":1,"stored_bytes":2,)"
            R"("blobs_new":3,"blobs_known":4}})");
}

TEST(SnapshotFile, AMissingOrWrongMemberIsNamed) {
  const std::string good(AsText(EncodeSnapshot(SomeSnapshot())));
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    const Status status = DecodeSnapshot(AsBytes(text)).status();
    EXPECT_EQ(KindOf(status), Kind::kCorrupt) << to;
    return std::string(status.message());
  };
  EXPECT_NE(message("\"tags\"", "\"togs\"").find("tags"), std::string::npos);
  EXPECT_NE(message("\"rows\":7", "\"rows\":\"7\"").find("rows"), std::string::npos);
  EXPECT_NE(message("\"rows\":7", "\"rows\":-7").find("rows"), std::string::npos);
  EXPECT_NE(message("fedcba98", "fedcba9x").find("digest"), std::string::npos);
  EXPECT_NE(message("303132", "30313").find("id"), std::string::npos);
  for (const char* const odd : {"", "null", "[]", "{", "{\"id\":1}"}) {
    EXPECT_EQ(KindOf(DecodeSnapshot(AsBytes(odd)).status()), Kind::kCorrupt) << odd;
  }
}

// ---- directories and indexes ----

std::vector<PackEntry> SomeEntries() {
  std::vector<PackEntry> entries(2);
  entries[0] = {.kind = BlobKind::kColumn, .name = {}, .offset = 8, .sealed = 200, .plain = 300};
  entries[1] = {.kind = BlobKind::kManifest, .name = {}, .offset = 208, .sealed = 17, .plain = 0};
  Count(entries[0].name.bytes, 0);
  Count(entries[1].name.bytes, 0x80);
  return entries;
}

PackRecord SomePack() {
  return {.id = FixedId(0x50), .size = PackBytes(SomeEntries()), .entries = SomeEntries()};
}

TEST(PackFormat, GoldenDirectory) {
  Bytes plain;
  EncodeEntries(SomeEntries(), plain);
  EXPECT_EQ(ToHex(plain),
            "02"
            "01000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fc801ac02"
            "04808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f1100");
}

TEST(PackFormat, EveryByteOfADirectoryCounts) {
  for (const Suite suite : {Suite::kNone, Suite::kAes256Gcm}) {
    const KeyRing keys = FixedKeys(suite);
    const SecretKey key = DeriveObjectKey(keys.packs, PackKey(FixedId(0x50)).text);
    const Bytes directory = *SealDirectory(keys, key, SomeEntries());
    const std::uint64_t offset = DirectoryOffset(SomeEntries());
    EXPECT_EQ(offset + directory.size(), PackBytes(SomeEntries()));
    ExpectEveryByteCounts(directory, [&](ByteSpan bytes) {
      if (bytes.size() < kPackTrailerBytes) return false;
      const std::uint64_t size = offset + bytes.size();
      const auto length = ReadTrailer(bytes.last(kPackTrailerBytes), size);
      if (!length.ok() || *length + kPackTrailerBytes > bytes.size()) return false;
      const ByteSpan sealed = bytes.first(bytes.size() - kPackTrailerBytes).last(*length);
      const auto entries = UnsealDirectory(keys, key, sealed, size - kPackTrailerBytes - *length);
      return entries.ok() && *entries == SomeEntries();
    });
    const ByteSpan sealed = ByteSpan(directory).first(directory.size() - kPackTrailerBytes);
    EXPECT_FALSE(UnsealDirectory(keys, key, sealed, offset + 1).ok());
  }
}

TEST(PackFormat, AnUnknownKindAsksForANewerProgram) {
  Bytes plain;
  EncodeEntries(SomeEntries(), plain);
  plain[1] = 6;
  ByteReader reader(plain, "test");
  EXPECT_EQ(KindOf(DecodeEntries(reader).status()), Kind::kUnsupported);
}

TEST(PackFormat, ACountBeyondTheBytesReservesNothing) {
  const Bytes plain = {0xff, 0xff, 0xff, 0xff, 0x7f};
  ByteReader reader(plain, "test");
  EXPECT_EQ(KindOf(DecodeEntries(reader).status()), Kind::kCorrupt);
}

TEST(IndexFile, PacksComeBack) {
  const std::vector<PackRecord> packs = {SomePack(), SomePack()};
  const Bytes body = EncodeIndex(packs);
  const auto decoded = DecodeIndex(body);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(*decoded, packs);
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_EQ(KindOf(DecodeIndex(ByteSpan(body).first(size)).status()), Kind::kCorrupt);
  }
}

TEST(IndexFile, GoldenBytes) {
  Bytes directory;
  EncodeEntries(SomeEntries(), directory);
  EXPECT_EQ(ToHex(EncodeIndex({SomePack()})),
            "01505152535455565758595a5b5c5d5e5f4601000000000000" + ToHex(directory));
}

TEST(IndexFile, ASizeThatDoesNotFitTheBlobsIsCorrupt) {
  PackRecord pack = SomePack();
  ++pack.size;
  EXPECT_EQ(KindOf(DecodeIndex(EncodeIndex({pack})).status()), Kind::kCorrupt);
}

TEST(ObjectNames, OnlyTheCanonicalKeyHasAnId) {
  const ObjectId id = FixedId(0x3f);
  EXPECT_EQ(PackKey(id).text, "packs/3f/3f404142434445464748494a4b4c4d4e");
  EXPECT_EQ(IdOfKey(PackKey(id), PackKey), id);
  EXPECT_FALSE(IdOfKey({"packs/3e/3f404142434445464748494a4b4c4d4e"}, PackKey));
  EXPECT_FALSE(IdOfKey({"snapshots/.DS_Store"}, SnapshotKey));
  EXPECT_FALSE(IdOfKey({"config"}, SnapshotKey));
}

}  // namespace
}  // namespace aerie::repo
