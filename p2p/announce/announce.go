// Package announce holds the announcements of a mesh: small signed records saying
// that a task, set, model, score or trainer exists, who has it, and until when. It
// signs and verifies them, keeps the valid ones in a Book, and republishes a node's
// own until they are withdrawn.
//
// A record travels as a libp2p envelope around canonical dag-cbor and carries
// all that is needed to judge it, so the same bytes verify when they come by gossip,
// in a catch-up page, from disk or from a file.
package announce

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/record"
	ma "github.com/multiformats/go-multiaddr"
	mh "github.com/multiformats/go-multihash"
)

// Version is the header version this program writes and reads.
const Version = 1

// MaxEnvelopeBytes bounds a whole signed envelope.
const MaxEnvelopeBytes = 4 << 10

// MaxTasks bounds the tasks one node joins. All subscriptions travel in one gossip
// message when peers connect, and that message must stay below 16 KiB.
const MaxTasks = 100

// Domain separates announcement signatures from all other uses of a node's key.
const Domain = "distillmesh-announcement"

// payloadType tells an announcement from other records of the same domain.
var payloadType = []byte("/distillmesh/announcement")

// Limits of the parts; the envelope limit bounds their sum.
const (
	maxName  = 64 // bytes of a subject or schema
	maxAddrs = 16
	maxAddr  = 256 // bytes of one binary multiaddr
	// MaxLifetime is how long a record counts after it was issued, whatever it says:
	// its signer renews it long before. What nobody renews ends.
	MaxLifetime = 48 * time.Hour
	// maxExpiry bounds Expires - Issued. Earlier versions sign records for up to 30 days;
	// to refuse them would penalize the peers that forward them.
	maxExpiry = 30 * 24 * time.Hour
)

// The reasons why received bytes are no announcement. An honest forwarder would
// have noticed any of them.
var (
	ErrTooLarge  = errors.New("announcement exceeds 4 KiB")
	ErrMalformed = errors.New("announcement malformed")
	ErrSignature = errors.New("announcement signature or domain invalid")
	ErrVersion   = errors.New("announcement version unknown")
)

// Kind is what an announcement does.
type Kind string

// The kinds of announcement.
const (
	Offer    Kind = "offer"    // the signer made it and serves it
	Have     Kind = "have"     // the signer fetched, verified and pinned it, and serves it
	Withdraw Kind = "withdraw" // takes back the signer's own offer or have
)

// Subject names what an announcement is about. This package does not interpret it.
type Subject string

// The subjects in use. Records of any other are well formed, and a later version may
// have them, so the peers that forward one are not penalized; but no book keeps it.
const (
	SubjectTask    Subject = "task"
	SubjectSet     Subject = "set"
	SubjectModel   Subject = "model"
	SubjectScore   Subject = "score"
	SubjectTrainer Subject = "trainer"
)

// known reports whether s is a subject in use.
func (s Subject) known() bool {
	switch s {
	case SubjectTask, SubjectSet, SubjectModel, SubjectScore, SubjectTrainer:
		return true
	}
	return false
}

// Announcement is the signed payload. Times have whole seconds, UTC.
type Announcement struct {
	Version int     // header version; 0 in a draft means Version
	Task    cid.Cid // the task document
	Kind    Kind
	Subject Subject
	Root    cid.Cid        // what to fetch; Undef exactly for trainers
	Bytes   int64          // size of the whole DAG under Root, the cap for a fetch
	Blocks  int64          // blocks in that DAG
	Schema  string         // what Body holds
	Body    []byte         // opaque here
	Issued  time.Time      // when it was signed
	Expires time.Time      // when it expires
	Seq     uint64         // rises per (signer, task, subject, root), from 1
	Addrs   []ma.Multiaddr // where the signer can be dialed
}

// Ends returns when the announcement ceases to count: when it expires, and at the
// latest MaxLifetime after it was issued.
func (a Announcement) Ends() time.Time {
	if most := a.Issued.Add(MaxLifetime); a.Expires.After(most) {
		return most
	}
	return a.Expires
}

// Record is an announcement together with the proof of who signed it.
type Record struct {
	Announcement
	Signer   peer.ID // derived from the envelope's public key
	Envelope []byte  // the signed bytes, as they travel; do not modify
	Origin   string  // of one in a book: where it entered the mesh, as far as known
}

// payload adapts an Announcement to the record.Record interface of libp2p.
type payload struct{ raw []byte }

func (*payload) Domain() string                   { return Domain }
func (*payload) Codec() []byte                    { return payloadType }
func (p *payload) MarshalRecord() ([]byte, error) { return p.raw, nil }
func (p *payload) UnmarshalRecord(b []byte) error { p.raw = b; return nil }

// Seal signs a with key. Every field must be set: Book.Issue completes drafts.
// Errors wrap ErrMalformed, ErrVersion or ErrTooLarge.
func Seal(a Announcement, key crypto.PrivKey) (Record, error) {
	if a.Version == 0 {
		a.Version = Version
	}
	if !a.Subject.known() {
		return Record{}, fmt.Errorf("seal announcement: %w", malformed("subject %q", a.Subject))
	}
	raw, err := a.encode()
	if err != nil {
		return Record{}, err
	}
	env, err := record.Seal(&payload{raw: raw}, key)
	if err != nil {
		return Record{}, fmt.Errorf("seal announcement: %w", err)
	}
	data, err := env.Marshal()
	if err != nil {
		return Record{}, fmt.Errorf("seal announcement: %w", err)
	}
	// Opening the new envelope applies every rule of a reader to the writer.
	return Open(data)
}

// Open verifies an envelope and decodes its announcement. It checks size, signature,
// canonical encoding and every field, but not times, which Book.Put judges.
// Errors wrap ErrTooLarge, ErrMalformed, ErrSignature or ErrVersion.
func Open(envelope []byte) (Record, error) {
	if len(envelope) > MaxEnvelopeBytes {
		return Record{}, fmt.Errorf("open announcement: %d bytes: %w", len(envelope), ErrTooLarge)
	}
	var p payload
	env, err := record.ConsumeTypedEnvelope(envelope, &p)
	if errors.Is(err, record.ErrInvalidSignature) {
		return Record{}, fmt.Errorf("open announcement: %w", ErrSignature)
	}
	if err != nil {
		return Record{}, fmt.Errorf("open announcement: %w: %w", ErrMalformed, err)
	}
	if err := checkEnvelope(env, envelope); err != nil {
		return Record{}, fmt.Errorf("open announcement: %w", err)
	}
	signer, err := peer.IDFromPublicKey(env.PublicKey)
	if err != nil {
		return Record{}, fmt.Errorf("open announcement: %w: %w", ErrMalformed, err)
	}
	a, err := decode(p.raw)
	if err != nil {
		return Record{}, fmt.Errorf("open announcement: %w", err)
	}
	return Record{Announcement: a, Signer: signer, Envelope: bytes.Clone(envelope)}, nil
}

// checkEnvelope refuses non-canonical envelopes and other payload types.
func checkEnvelope(env *record.Envelope, data []byte) error {
	if !bytes.Equal(env.PayloadType, payloadType) {
		return fmt.Errorf("%w: payload type %q", ErrMalformed, env.PayloadType)
	}
	again, err := env.Marshal()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if !bytes.Equal(again, data) {
		return fmt.Errorf("%w: envelope is not canonical", ErrMalformed)
	}
	return nil
}

// check applies the rules that hold for every announcement, whoever reads it.
func (a *Announcement) check() error {
	switch {
	case a.Version != Version:
		return fmt.Errorf("%w: %d, this program reads %d", ErrVersion, a.Version, Version)
	case a.Kind != Offer && a.Kind != Have && a.Kind != Withdraw:
		return malformed("kind %q", a.Kind)
	case !isName(string(a.Subject)):
		return malformed("subject %q", a.Subject)
	case a.Schema != "" && len(a.Schema) > maxName:
		return malformed("schema of %d bytes", len(a.Schema))
	case a.Seq == 0 || a.Seq > 1<<53:
		return malformed("seq %d", a.Seq)
	case a.Bytes < 0 || a.Blocks < 0:
		return malformed("negative size or count")
	case len(a.Addrs) > maxAddrs:
		return malformed("%d addresses", len(a.Addrs))
	case (a.Subject == SubjectTrainer) == a.Root.Defined():
		return malformed("root of a %s", a.Subject)
	case a.Subject == SubjectTask && !a.Root.Equals(a.Task):
		return malformed("a task's root is the task itself")
	}
	if err := a.checkTimes(); err != nil {
		return err
	}
	return a.checkLinks()
}

func (a *Announcement) checkTimes() error {
	issued, expires := a.Issued.Unix(), a.Expires.Unix()
	if issued <= 0 || expires <= issued || expires-issued > int64(maxExpiry/time.Second) {
		return malformed("lifetime from %d to %d", issued, expires)
	}
	return nil
}

func (a *Announcement) checkLinks() error {
	if !a.Task.Defined() {
		return malformed("no task")
	}
	return errors.Join(checkLink(a.Task), checkLink(a.Root))
}

// checkLink accepts no CID, or CIDv1 with sha2-256.
func checkLink(c cid.Cid) error {
	if !c.Defined() {
		return nil
	}
	if p := c.Prefix(); p.Version != 1 || p.MhType != mh.SHA2_256 || p.MhLength != 32 {
		return malformed("%s is not CIDv1 with sha2-256", c)
	}
	return nil
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrMalformed, fmt.Errorf(format, args...))
}

// isName reports whether s is a short lower-case word, the form of a subject.
func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && r != '-' {
			return false
		}
	}
	return s != "" && len(s) <= maxName
}
