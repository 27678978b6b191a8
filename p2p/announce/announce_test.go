package announce

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
)

var epoch = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// keyOf makes the same key for the same number, so that failures repeat.
func keyOf(n byte) crypto.PrivKey {
	key, _, err := crypto.GenerateEd25519Key(bytes.NewReader(bytes.Repeat([]byte{n}, 64)))
	if err != nil {
		panic(err)
	}
	return key
}

func cidOf(name string) cid.Cid {
	c, err := cid.V1Builder{Codec: cid.Raw, MhType: mh.SHA2_256}.Sum([]byte(name))
	if err != nil {
		panic(err)
	}
	return c
}

// offer is a complete announcement of a set.
func offer(seq uint64) Announcement {
	return Announcement{
		Version: Version, Task: cidOf("task"), Kind: Offer, Subject: SubjectSet, Root: cidOf("set"), Bytes: 1000, Blocks: 4,
		Schema: "set/1", Body: []byte{1, 2, 3}, Issued: epoch, Expires: epoch.Add(time.Hour), Seq: seq,
		Addrs: []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.1/tcp/4001")},
	}
}

func seal(t testing.TB, a Announcement, key crypto.PrivKey) Record {
	t.Helper()
	r, err := Seal(a, key)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnEnvelopeGivesBackWhatWasSealed(t *testing.T) {
	want := offer(7)
	r := seal(t, want, keyOf(1))
	got, err := Open(r.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	again := seal(t, got.Announcement, keyOf(1))
	if !bytes.Equal(again.Envelope, r.Envelope) {
		t.Error("sealing what was opened gives other bytes")
	}
	if !got.Root.Equals(want.Root) || got.Seq != 7 || !got.Issued.Equal(want.Issued) ||
		!got.Addrs[0].Equal(want.Addrs[0]) ||
		!bytes.Equal(got.Body, want.Body) {
		t.Errorf("got %+v, want %+v", got.Announcement, want)
	}
	if !r.Signer.MatchesPublicKey(keyOf(1).GetPublic()) {
		t.Error("signer is not the key's owner")
	}
}

func TestSealRefusesWhatReadersWould(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Announcement)
		want   error
	}{
		{"a body that does not fit", func(a *Announcement) { a.Body = make([]byte, MaxEnvelopeBytes) }, ErrTooLarge},
		{"an unknown version", func(a *Announcement) { a.Version = 2 }, ErrVersion},
		{"an unknown kind", func(a *Announcement) { a.Kind = "gift" }, ErrMalformed},
		{"a subject that is no word", func(a *Announcement) { a.Subject = "Set!" }, ErrMalformed},
		{"no task", func(a *Announcement) { a.Task = cid.Undef }, ErrMalformed},
		{"no root", func(a *Announcement) { a.Root = cid.Undef }, ErrMalformed},
		{"a trainer with a root", func(a *Announcement) { a.Subject = SubjectTrainer }, ErrMalformed},
		{"a task whose root is another", func(a *Announcement) { a.Subject = SubjectTask }, ErrMalformed},
		{"a root that is CIDv0", func(a *Announcement) { a.Root = cid.NewCidV0(a.Root.Hash()) }, ErrMalformed},
		{"no sequence number", func(a *Announcement) { a.Seq = 0 }, ErrMalformed},
		{"negative bytes", func(a *Announcement) { a.Bytes = -1 }, ErrMalformed},
		{"expiry before issue", func(a *Announcement) { a.Expires = a.Issued }, ErrMalformed},
		{"a life too long", func(a *Announcement) { a.Expires = a.Issued.Add(maxExpiry + time.Second) }, ErrMalformed},
		{"too many addresses", func(a *Announcement) {
			a.Addrs = slices.Repeat(a.Addrs, maxAddrs+1)
		}, ErrMalformed},
		{"a schema too long", func(a *Announcement) { a.Schema = strings.Repeat("x", maxName+1) }, ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := offer(1)
			tt.change(&a)
			if _, err := Seal(a, keyOf(1)); !errors.Is(err, tt.want) {
				t.Errorf("seal: %v, want %v", err, tt.want)
			}
		})
	}
}

// sealRaw signs any payload under any domain, as an attacker could.
type sealRaw struct {
	domain      string
	codec, data []byte
}

func (r sealRaw) Domain() string                 { return r.domain }
func (r sealRaw) Codec() []byte                  { return r.codec }
func (r sealRaw) MarshalRecord() ([]byte, error) { return r.data, nil }
func (r sealRaw) UnmarshalRecord([]byte) error   { return nil }

func (r sealRaw) envelope(t testing.TB) []byte {
	t.Helper()
	env, err := record.Seal(r, keyOf(1))
	if err != nil {
		t.Fatal(err)
	}
	data, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenRefusesForgedAndMalformedEnvelopes(t *testing.T) {
	a := offer(1)
	good, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	valid := seal(t, a, keyOf(1)).Envelope
	flipped := bytes.Clone(valid)
	flipped[len(flipped)-1] ^= 1
	longer := append([]byte{good[0] + 1}, good[1:]...)
	longer = append(longer, 0x7a, 0, 0, 0, 1, 'z', 1) // a key with a length that is not minimal
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, ErrSignature},
		{"noise", []byte("no envelope at all"), ErrMalformed},
		{"more than 4 KiB", make([]byte, MaxEnvelopeBytes+1), ErrTooLarge},
		{"a changed signature", flipped, ErrSignature},
		{"another domain", sealRaw{"libp2p-peer-record", payloadType, good}.envelope(t), ErrSignature},
		{"another payload type", sealRaw{Domain, []byte("/other"), good}.envelope(t), ErrMalformed},
		{"an empty payload", sealRaw{Domain, payloadType, nil}.envelope(t), ErrMalformed},
		{"bytes after the payload", sealRaw{Domain, payloadType, append(bytes.Clone(good), 0)}.envelope(t), ErrMalformed},
		{"an encoding that is not canonical", sealRaw{Domain, payloadType, longer}.envelope(t), ErrMalformed},
		{"bytes after the envelope", append(bytes.Clone(valid), 0x30, 1), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Open(tt.data); !errors.Is(err, tt.want) && !(tt.data == nil && err != nil) {
				t.Errorf("open: %v, want %v", err, tt.want)
			}
		})
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(seal(f, offer(1), keyOf(1)).Envelope)
	trainer := offer(2)
	trainer.Subject, trainer.Root = SubjectTrainer, cid.Undef
	f.Add(seal(f, trainer, keyOf(2)).Envelope)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := Open(data)
		if err == nil && !bytes.Equal(r.Envelope, data) {
			t.Error("an accepted envelope changed")
		}
	})
}

// FuzzDecode reaches what FuzzOpen cannot: payloads that carry a valid signature.
func FuzzDecode(f *testing.F) {
	a := offer(1)
	good, err := a.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add([]byte{0xa0})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > MaxEnvelopeBytes {
			return
		}
		a, err := decode(data)
		if err != nil {
			return
		}
		// Unused fields are dropped, so the announcement alone may be shorter.
		again, err := a.encode()
		if err != nil || len(again) > len(data) {
			t.Fatalf("decoded and encoded again: %v", err)
		}
		if b, err := decode(again); err != nil || !reflect.DeepEqual(a, b) {
			t.Errorf("decoded again: %+v, %v; want %+v", b, err, a)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	envelope := seal(b, offer(1), keyOf(1)).Envelope
	b.ReportAllocs()
	b.SetBytes(int64(len(envelope)))
	for b.Loop() {
		if _, err := Open(envelope); err != nil {
			b.Fatal(err)
		}
	}
}
