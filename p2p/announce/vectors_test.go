package announce

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"github.com/ipfs/go-cid"
)

// Envelopes written by earlier versions, signed with keyOf(1). What is signed today
// must have the same bytes, or nodes of different versions refuse each other's records.
const (
	envelopeStart = "0a24080112208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c" +
		"12192f64697374696c6c6d6573682f616e6e6f756e63656d656e74"
	rootField = "64726f6f74d82a582500015512206ee0eb490ff832101cf82a3d387c35f29e4230be786978f7acf9e811febf6723"
	taskField = "647461736bd82a582500015512200ebb429fa86d481c2630fac53db1c91cffed5d4d41d1021c179444eb67e7ee0b"

	offerEnvelope = envelopeStart + "1ad201ad637365710764626f647943010203646b696e64656f66666572" + rootField + taskField +
		"656164647273814804c0000201060fa16562797465731903e866626c6f636b7304666973737565641a695735a5" +
		"66736368656d61657365742f3167657870697265731a695743b5677375626a656374637365746776657273696f6e01" +
		"2a405175b4c810714fdddb53e23a5a952c88b9d295cd075a2cb3b68d902a3ba6e6c0" +
		"0d6a04db67b5d036e0befa9862c630b3f64cd98eb76cc20e3204695178d7e802"
	// An offer with prev, uplink, replicas and gateways, which no program has written.
	unusedEnvelope = envelopeStart + "1ab402b1637365710764626f647943010203646b696e64656f66666572" +
		"6470726576d82a58250001551220cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4" +
		rootField + taskField + "656164647273814804c0000201060fa16562797465731903e866626c6f636b7304666973737565641a695735a5" +
		"66736368656d61657365742f316675706c696e6b1a0010000067657870697265731a695743b5677375626a65637463736574" +
		"6776657273696f6e01686761746577617973817368747470733a2f2f6578616d706c652e6f7267687265706c6963617303" +
		"2a40afe6524d0b7eb84163b4e9ef524976eadf626e5972623c9b180e025d12d92964" +
		"95d7d36237814d8630a0a4d3b1aaaba63b7eed728ee5131fed0f8201943a4d06"
	withdrawEnvelope = envelopeStart + "1a9e01a86373657107646b696e64687769746864726177" + rootField + taskField +
		"666973737565641a695735a567657870697265731a695743b5677375626a656374637365746776657273696f6e01" +
		"2a403470d52a52639c9fcd940937e9c46b2cb7425710dfcdf5d4e8e6c39c64471ba5" +
		"07092c603742dc3e89fc4817ed5996942f7abd4842a153e010933cd19467f00b"
	trainerEnvelope = envelopeStart + "1a9701aa637365710364626f647943010203646b696e64656f66666572" + taskField +
		"656164647273814804c0000201060fa1666973737565641a695735a5" +
		"66736368656d61657365742f3167657870697265731a695743b5677375626a65637467747261696e65726776657273696f6e01" +
		"2a407afa6b94c5960b6636160e1f0140ae8795306afac5232bb651c9ed4553216449" +
		"d70d61411e8fa5bfd999dfae5379c17d8a33d0f460dd681373936deaf178e90f"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestWhatIsSignedHasTheBytesOfEarlierVersions(t *testing.T) {
	withdrawal := offer(7)
	withdrawal.Kind, withdrawal.Schema, withdrawal.Body, withdrawal.Addrs = Withdraw, "", nil, nil
	withdrawal.Bytes, withdrawal.Blocks = 0, 0
	trainer := offer(3)
	trainer.Subject, trainer.Root, trainer.Bytes, trainer.Blocks = SubjectTrainer, cid.Undef, 0, 0
	tests := []struct {
		name string
		a    Announcement
		want string
	}{
		{"an offer with every field", offer(7), offerEnvelope},
		{"a withdrawal, which has few", withdrawal, withdrawEnvelope},
		{"a trainer, which has no root", trainer, trainerEnvelope},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := unhex(t, tt.want)
			if got := seal(t, tt.a, keyOf(1)).Envelope; !bytes.Equal(got, want) {
				t.Errorf("sealed %x\nwant %x", got, want)
			}
			if _, err := Open(want); err != nil {
				t.Errorf("open: %v", err)
			}
		})
	}
}

// No program has written the unused fields, but a record that holds them is valid:
// it is read without them, and forwarded as it came.
func TestAnEnvelopeWithUnusedFieldsIsReadAndKeptWhole(t *testing.T) {
	data := unhex(t, unusedEnvelope)
	r, err := Open(data)
	if err != nil || !bytes.Equal(r.Envelope, data) {
		t.Fatalf("open: %v, envelope kept: %t", err, bytes.Equal(r.Envelope, data))
	}
	if want := offer(7); !reflect.DeepEqual(r.Announcement, want) {
		t.Errorf("read %+v, want %+v", r.Announcement, want)
	}
}

func TestUnusedFieldsKeepTheirBounds(t *testing.T) {
	a := offer(7)
	plain, err := a.encode()
	if err != nil {
		t.Fatal(err)
	}
	field := func(name, value string) []byte {
		return append([]byte{0x60 + byte(len(name))}, name+value...)
	}
	tests := []struct {
		name  string
		after string // the key that the field follows in canonical order
		field []byte
	}{
		{"a negative uplink", "schema", field("uplink", "\x20")},
		{"an uplink that is text", "schema", field("uplink", "\x61x")},
		{"an uplink of zero, which is left out", "schema", field("uplink", "\x00")},
		{"negative replicas", "version", field("replicas", "\x20")},
		{"a gateway that is a number", "version", field("gateways", "\x81\x01")},
		{"no gateways, which are left out", "version", field("gateways", "\x80")},
	}
	ends := map[string]int{
		"schema":  bytes.Index(plain, []byte("\x66schema")) + len("\x66schema\x65set/1"),
		"version": len(plain),
	}
	valid := insert(plain, ends["schema"], field("uplink", "\x01"))
	if _, err := decode(valid); err != nil {
		t.Fatalf("a valid uplink: %v", err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := decode(insert(plain, ends[tt.after], tt.field)); !errors.Is(err, ErrMalformed) {
				t.Errorf("decode: %v, want ErrMalformed", err)
			}
		})
	}
}

// insert adds one encoded field to an encoded map of fewer than 23 fields.
func insert(m []byte, at int, field []byte) []byte {
	out := append([]byte{m[0] + 1}, m[1:at]...)
	return append(append(out, field...), m[at:]...)
}
