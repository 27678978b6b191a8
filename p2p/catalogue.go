package p2p

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-msgio"

	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/gossip"
	"github.com/distillmesh/distillmesh/p2p/wire"
)

// catalogueProtocol hands over the announcements that gossip has forgotten. The
// asker lists topics with a short digest of every envelope it holds; the answer
// is pages of the envelopes it lacks. Both ends ask, each on a stream of its own.
const catalogueProtocol protocol.ID = "/distillmesh/catalogue/1"

// Limits of one catch-up.
const (
	digestBytes    = 8       // of sha-256: enough to tell own envelopes apart
	maxDigests     = 1 << 14 // a topic
	pageEnvelopes  = 64
	maxEnvelopes   = 1 << 14   // in all pages of one answer
	maxQuery       = 512 << 10 // bytes of a request
	maxPage        = pageEnvelopes*(announce.MaxEnvelopeBytes+8) + 64
	cataloguePause = 10 * time.Second // without progress
)

// ask is the question about one topic.
type ask struct {
	topic cid.Cid // a task, or Undef for the mesh's own
	held  []byte  // concatenated digests
}

// digest abbreviates an envelope.
func digest(envelope []byte) [digestBytes]byte {
	sum := sha256.Sum256(envelope)
	return [digestBytes]byte(sum[:])
}

func encodeQuery(asks []ask) ([]byte, error) {
	maps := make([]*wire.Map, len(asks))
	for i, a := range asks {
		maps[i] = &wire.Map{}
		maps[i].Link("task", a.topic)
		maps[i].Bytes("held", a.held)
	}
	var m wire.Map
	m.Maps("asks", maps)
	return m.Encode()
}

// decodeQuery reads at most maxQuery bytes from a peer.
func decodeQuery(data []byte) ([]ask, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("decode catalogue request: %w", err)
	}
	var asks []ask
	for _, q := range f.Maps("asks", gossip.MaxTasks+1) {
		a := ask{topic: q.Link("task"), held: q.Bytes("held", maxDigests*digestBytes)}
		if err := q.Err(); err != nil {
			return nil, fmt.Errorf("decode catalogue request: %w", err)
		}
		if len(a.held)%digestBytes != 0 {
			return nil, fmt.Errorf("decode catalogue request: %w: torn digest", wire.ErrMalformed)
		}
		asks = append(asks, a)
	}
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("decode catalogue request: %w", err)
	}
	return asks, nil
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

// decodePage reads at most maxPage bytes from a peer. The envelopes are not judged yet.
func decodePage(data []byte) (page, error) {
	f, err := wire.Decode(data)
	if err != nil {
		return page{}, fmt.Errorf("decode catalogue page: %w", err)
	}
	p := page{envelopes: f.ByteStrings("envelopes", pageEnvelopes, announce.MaxEnvelopeBytes), last: f.Bool("last")}
	if err := f.Err(); err != nil {
		return page{}, fmt.Errorf("decode catalogue page: %w", err)
	}
	return p, nil
}

// questions asks about topics, naming what the book holds of each.
func questions(book *announce.Book, topics []cid.Cid) []ask {
	asks := make([]ask, len(topics))
	for i, topic := range topics {
		asks[i].topic = topic
		held := book.Held(topic)
		for _, r := range held[:min(len(held), maxDigests)] {
			d := digest(r.Envelope)
			asks[i].held = append(asks[i].held, d[:]...)
		}
	}
	return asks
}

// answers returns the envelopes of book that the asker lacks, at most maxEnvelopes.
func answers(book *announce.Book, asks []ask) [][]byte {
	var out [][]byte
	for _, a := range asks {
		has := make(map[[digestBytes]byte]bool, len(a.held)/digestBytes)
		for d := range slices.Chunk(a.held, digestBytes) {
			has[[digestBytes]byte(d)] = true
		}
		for _, r := range book.Held(a.topic) {
			if len(out) == maxEnvelopes {
				return out
			}
			if !has[digest(r.Envelope)] {
				out = append(out, r.Envelope)
			}
		}
	}
	return out
}

// answerCatalogue is the stream handler. One answer a peer at a time; peers that
// were refused, and those that ask faster than answerRate, get none.
func (m *Mesh) answerCatalogue(s network.Stream) {
	defer s.Close()
	p := s.Conn().RemotePeer()
	done, ok := m.admitQuestion(p)
	if !ok {
		_ = s.Reset()
		return
	}
	defer done()
	_ = s.SetDeadline(time.Now().Add(cataloguePause))
	data, err := msgio.NewVarintReaderSize(s, maxQuery).ReadMsg()
	if err != nil {
		_ = s.Reset()
		return
	}
	asks, err := decodeQuery(data)
	if err == nil {
		err = sendPages(s, answers(m.book, asks))
	}
	if err != nil {
		_ = s.Reset()
		m.log.Debug("catalogue not handed over", "peer", p, "err", err)
	}
}

func sendPages(s network.Stream, envelopes [][]byte) error {
	w := msgio.NewVarintWriter(s)
	for {
		n := min(len(envelopes), pageEnvelopes)
		p := page{envelopes: envelopes[:n], last: n == len(envelopes)}
		envelopes = envelopes[n:]
		data, err := p.encode()
		if err != nil {
			return err
		}
		_ = s.SetDeadline(time.Now().Add(cataloguePause))
		if err := w.WriteMsg(data); err != nil {
			return err
		}
		if p.last {
			return nil
		}
	}
}

// catchUp asks p for everything about topics that this node lacks. Envelopes go
// through the validator that gossip uses; one that no honest node would have kept
// ends the catch-up.
func (m *Mesh) catchUp(ctx context.Context, p peer.ID, topics []cid.Cid) (learnt int, err error) {
	fail := func(err error) (int, error) {
		return learnt, fmt.Errorf("catch up with %s: %w", p, err)
	}
	ctx, cancel := context.WithTimeout(ctx, cataloguePause)
	s, err := m.host.NewStream(ctx, p, catalogueProtocol)
	cancel()
	if err != nil {
		return fail(err)
	}
	defer s.Close()
	query, err := encodeQuery(questions(m.book, topics))
	if err != nil {
		return fail(err)
	}
	_ = s.SetDeadline(time.Now().Add(cataloguePause))
	if err := msgio.NewVarintWriter(s).WriteMsg(query); err != nil {
		_ = s.Reset()
		return fail(err)
	}
	learnt, err = m.receivePages(s, topics)
	if err != nil {
		_ = s.Reset()
		return fail(err)
	}
	return learnt, nil
}

func (m *Mesh) receivePages(s network.Stream, topics []cid.Cid) (learnt int, err error) {
	r := msgio.NewVarintReaderSize(s, maxPage)
	for total := 0; total <= maxEnvelopes; {
		_ = s.SetDeadline(time.Now().Add(cataloguePause))
		data, err := r.ReadMsg()
		if err != nil {
			return learnt, err
		}
		p, err := decodePage(data)
		if err != nil {
			return learnt, err
		}
		n, err := m.takeIn(s.Conn().RemotePeer(), p.envelopes, topics)
		learnt += n
		if err != nil || p.last {
			return learnt, err
		}
		if len(p.envelopes) == 0 {
			return learnt, errors.New("empty page before the last")
		}
		total += len(p.envelopes)
	}
	return learnt, fmt.Errorf("more than %d announcements", maxEnvelopes)
}

// takeIn judges a page of envelopes from a peer.
func (m *Mesh) takeIn(from peer.ID, envelopes [][]byte, topics []cid.Cid) (learnt int, err error) {
	for _, e := range envelopes {
		r, verdict, err := m.book.Receive(m.ctx, e, topics...)
		m.judgeClock(from, r, err, false)
		if r.Signer == m.host.ID() && !errors.Is(err, announce.ErrHeld) {
			m.own(r, from)
		}
		switch verdict {
		case announce.Reject:
			return learnt, err
		case announce.Accept:
			m.hearsay.add(e)
			learnt++
		}
	}
	return learnt, nil
}

// maxHearsay bounds the digests remembered; beyond it they are forgotten, at the
// price that others wait for the next announcement.
const maxHearsay = 1 << 13

// hearsay is what catch-up has taught and gossip has not brought yet. Catch-up can
// overtake the gossip of a fresh record; were the copy that gossip brings then
// dropped as already held, it would never reach the nodes behind this one.
type hearsay struct {
	mu  sync.Mutex
	set map[[digestBytes]byte]struct{}
}

func (h *hearsay) add(envelope []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.set == nil || len(h.set) >= maxHearsay {
		h.set = map[[digestBytes]byte]struct{}{}
	}
	h.set[digest(envelope)] = struct{}{}
}

// take reports whether an envelope was hearsay, and ends that: a second copy is a replay.
func (h *hearsay) take(envelope []byte) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, ok := h.set[digest(envelope)]
	delete(h.set, digest(envelope))
	return ok
}
