package catalogue

import (
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// maxFacts bounds the roots of which something is known. Beyond it some other root is
// forgotten, which costs one more fetch.
const maxFacts = 1 << 14

// facts is what fetched content has shown. Content under a root never changes, so
// neither does a fact; it is kept for as long as the node runs.
type facts struct {
	mu    sync.Mutex
	roots map[cid.Cid]*fact
	right map[peer.ID]struct{} // signers that were right, and not wrong since
}

// purpose is what content may be: a set or a model of a task.
type purpose struct {
	task    cid.Cid
	subject announce.Subject
}

// fact is what is known of one root.
type fact struct {
	more  int64 // it has more bytes than this
	not   map[purpose]struct{}
	is    purpose // once proven
	bytes int64   // once proven; 0 before
}

func (s Statement) purpose() purpose { return purpose{s.Task, s.Subject} }

// of returns the entry of a root, making it if need be. Callers lock.
func (f *facts) of(root cid.Cid) *fact {
	if known, ok := f.roots[root]; ok {
		return known
	}
	if f.roots == nil {
		f.roots = map[cid.Cid]*fact{}
	}
	for other := range f.roots {
		if len(f.roots) < maxFacts {
			break
		}
		delete(f.roots, other)
	}
	f.roots[root] = &fact{not: map[purpose]struct{}{}}
	return f.roots[root]
}

// larger notes that a root has more bytes than s says.
func (f *facts) larger(s Statement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.of(s.Root)
	known.more = max(known.more, s.Bytes)
}

// other notes that a root is not what s says.
func (f *facts) other(s Statement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.of(s.Root).not[s.purpose()] = struct{}{}
}

// prove notes that s is true.
func (f *facts) prove(s Statement) {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := f.of(s.Root)
	known.is, known.bytes = s.purpose(), s.Bytes
}

// refute reports whether s is known to be false.
func (f *facts) refute(s Statement) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	known, ok := f.roots[s.Root]
	if !ok {
		return false
	}
	_, not := known.not[s.purpose()]
	return not || s.Bytes <= known.more || known.bytes != 0 && (known.is != s.purpose() || known.bytes != s.Bytes)
}

// credit notes that a signer was shown to be right or wrong.
func (f *facts) credit(signer peer.ID, right bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !right {
		delete(f.right, signer)
		return
	}
	if f.right == nil || len(f.right) >= maxFacts {
		f.right = map[peer.ID]struct{}{}
	}
	f.right[signer] = struct{}{}
}

func (f *facts) credited(signer peer.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.right[signer]
	return ok
}
