package catchup

import (
	"crypto/sha256"
	"fmt"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

// digestBytes is how much of a sha-256 tells a node's own envelopes apart.
const digestBytes = 8

// Limits of one catch-up.
const (
	maxDigests    = 1 << 14 // per topic
	pageEnvelopes = 64
	maxEnvelopes  = 1 << 14   // in all pages of one answer
	maxQuery      = 512 << 10 // bytes of a request
	maxPage       = pageEnvelopes*(announce.MaxEnvelopeBytes+8) + 64
)

// Digest abbreviates an envelope.
type Digest [digestBytes]byte

// DigestOf returns the digest of an envelope.
func DigestOf(envelope []byte) Digest {
	sum := sha256.Sum256(envelope)
	return Digest(sum[:digestBytes])
}

// question asks about one topic.
type question struct {
	topic cid.Cid // a task, or Undef for the mesh's own
	held  []byte  // digests of the envelopes that the asker holds, concatenated
}

func encodeQuery(questions []question) ([]byte, error) {
	maps := make([]*wire.Map, len(questions))
	for i, q := range questions {
		maps[i] = &wire.Map{}
		maps[i].Link("task", q.topic)
		maps[i].Bytes("held", q.held)
	}
	var m wire.Map
	m.Maps("asks", maps)
	return m.Encode()
}

// decodeQuery reads at most maxQuery bytes from a peer.
func decodeQuery(data []byte) ([]question, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode catalogue request: %w", err)
	}
	var questions []question
	seen := map[cid.Cid]bool{}
	for _, inner := range f.Maps("asks", announce.MaxTasks+1) {
		q := question{topic: inner.Link("task"), held: inner.Bytes("held", maxDigests*digestBytes)}
		if err := inner.Err(); err != nil {
			return nil, fmt.Errorf("decode catalogue request: %w", err)
		}
		if len(q.held)%digestBytes != 0 {
			return nil, fmt.Errorf("decode catalogue request: %w: truncated digest", wire.ErrMalformed)
		}
		if seen[q.topic] {
			return nil, fmt.Errorf("decode catalogue request: %w: a topic is asked for twice", wire.ErrMalformed)
		}
		seen[q.topic] = true
		questions = append(questions, q)
	}
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("decode catalogue request: %w", err)
	}
	return questions, nil
}

// page is one piece of an answer.
type page struct {
	envelopes [][]byte
	last      bool
}

func (p page) encode() ([]byte, error) {
	var m wire.Map
	m.ByteStrings("envelopes", p.envelopes)
	m.Bool("last", p.last)
	return m.Encode()
}

// decodePage reads at most maxPage bytes from a peer. It does not judge the envelopes.
func decodePage(data []byte) (page, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return page{}, fmt.Errorf("decode catalogue page: %w", err)
	}
	p := page{
		envelopes: f.ByteStrings("envelopes", pageEnvelopes, announce.MaxEnvelopeBytes), last: f.Bool("last"),
	}
	if err := f.Err(); err != nil {
		return page{}, fmt.Errorf("decode catalogue page: %w", err)
	}
	return p, nil
}
