package announce

import (
	"bytes"
	"encoding/hex"
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
	withdrawEnvelope = envelopeStart + "1a9e01a86373657107646b696e6468776974686472617764" + "726f6f74" +
		"d82a582500015512206ee0eb490ff832101cf82a3d387c35f29e4230be786978f7acf9e811febf6723" + taskField +
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

// plainOffer is offer(seq) with the fields that programs write.
func plainOffer(seq uint64) Announcement {
	a := offer(seq)
	a.Prev, a.Uplink, a.Replicas, a.Gateways = cid.Undef, 0, 0, nil
	return a
}

func TestWhatIsSignedHasTheBytesOfEarlierVersions(t *testing.T) {
	withdrawal := plainOffer(7)
	withdrawal.Kind, withdrawal.Schema, withdrawal.Body, withdrawal.Addrs = Withdraw, "", nil, nil
	withdrawal.Bytes, withdrawal.Blocks = 0, 0
	trainer := plainOffer(3)
	trainer.Subject, trainer.Root, trainer.Bytes, trainer.Blocks = SubjectTrainer, cid.Undef, 0, 0
	tests := []struct {
		name string
		a    Announcement
		want string
	}{
		{"an offer with every field", plainOffer(7), offerEnvelope},
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
