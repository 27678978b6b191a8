package catalogue

import (
	"bytes"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/scores"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// Most entries of what is kept decoded. Beyond them all are forgotten and read again.
const (
	maxClaimsKept = 1 << 14
	maxSetsKept   = 1 << 14
	maxTasksKept  = 1 << 8
	maxScoresKept = 1 << 13
	maxTaskKept   = 16 << 10 // bytes of a document; larger ones are read each time
)

// memory keeps what was decoded, so that whoever looks often reads only what is new. All
// of it comes from content or signed records, which never change.
type memory struct {
	mu     sync.Mutex
	claims map[claimKey]readRecord
	sets   map[cid.Cid]operations.SetInfo
	tasks  map[cid.Cid]*data.Task
	scores map[claimKey]readScore
}

// claimKey is a record's place in the book, and what else its reading depends on.
type claimKey struct {
	signer     peer.ID
	task, root cid.Cid
	subject    announce.Subject
	classes    int
}

// readRecord is a record as readClaim read it.
type readRecord struct {
	envelope []byte
	claim    Claim
	err      error
}

// claim is readClaim, once per record.
func (m *memory) claim(r announce.Record, t *data.Task) (Claim, error) {
	key := claimKey{r.Signer, r.Task, r.Root, r.Subject, anyClasses}
	if t != nil {
		key.classes = len(t.Classes)
	}
	m.mu.Lock()
	known, ok := m.claims[key]
	m.mu.Unlock()
	if ok && bytes.Equal(known.envelope, r.Envelope) {
		return known.claim, known.err
	}
	claim, err := readClaim(r, t)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.claims == nil || len(m.claims) >= maxClaimsKept {
		m.claims = map[claimKey]readRecord{}
	}
	m.claims[key] = readRecord{r.Envelope, claim, err}
	return claim, err
}

// readScore is a record of a score as it was read: what does not change with who offers the set.
type readScore struct {
	envelope []byte
	signed   scores.Signed
	err      error
}

// score is read, once per record. What it returns is shared, and not to be changed.
func (m *memory) score(r announce.Record, read func(announce.Record) (*scores.Score, error)) (scores.Signed, error) {
	key := claimKey{r.Signer, r.Task, r.Root, r.Subject, anyClasses}
	m.mu.Lock()
	known, ok := m.scores[key]
	m.mu.Unlock()
	if ok && bytes.Equal(known.envelope, r.Envelope) {
		return known.signed, known.err
	}
	score, err := read(r)
	known = readScore{r.Envelope, scores.Signed{Signer: r.Signer.String(), Issued: r.Issued, Digest: scores.Digest(r.Body),
		Score: score}, err}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.scores == nil || len(m.scores) >= maxScoresKept {
		m.scores = map[claimKey]readScore{}
	}
	m.scores[key] = known
	return known.signed, err
}

// task is the document of a task that was read before.
func (m *memory) task(c cid.Cid) (*data.Task, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, ok := m.tasks[c]
	return t, ok
}

func (m *memory) keepTask(c cid.Cid, document []byte, t *data.Task) {
	if len(document) > maxTaskKept {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tasks == nil || len(m.tasks) >= maxTasksKept {
		m.tasks = map[cid.Cid]*data.Task{}
	}
	m.tasks[c] = t
}

// set is the description of a set whose manifest was read before.
func (m *memory) set(root cid.Cid) (operations.SetInfo, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	info, ok := m.sets[root]
	info.Counts = slices.Clone(info.Counts)
	info.Signers, info.Holders = []string{}, []string{}
	return info, ok
}

func (m *memory) keepSet(root cid.Cid, info operations.SetInfo) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.sets == nil || len(m.sets) >= maxSetsKept {
		m.sets = map[cid.Cid]operations.SetInfo{}
	}
	info.Counts = slices.Clone(info.Counts)
	m.sets[root] = info
}
