package p2p

import (
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/marcopolo/simnet"

	"github.com/distillmesh/distillmesh/p2p/announce"
)

// In these tests a book has an eighth of its usual room, and the attacks are as much
// smaller.
const (
	bookSize   = 1024
	floodTasks = 1152
	floodEvery = 2500 * time.Microsecond // 400 a second
)

func floodBook() announce.Options {
	opt := announce.DefaultOptions()
	opt.MaxRecords, opt.MaxPerSigner = bookSize, bookSize/8
	return opt
}

// flood sends records that many fresh keys have signed, and keeps them for catch-up.
func (n *node) flood(t *testing.T, keys []crypto.PrivKey, count int, draft func(i int) announce.Announcement) {
	t.Helper()
	for i := range count {
		a := draft(i)
		a.Version, a.Issued, a.Seq = announce.Version, time.Now().UTC().Truncate(time.Second), 1
		a.Expires = a.Issued.Add(30 * 24 * time.Hour)
		r, err := announce.Seal(a, keys[i%len(keys)])
		if err != nil {
			t.Fatal(err)
		}
		if v, err := n.book.Put(t.Context(), r, announce.Source{}); v != announce.Accept {
			t.Fatal(err)
		}
		if err := n.bus.Publish(t.Context(), r.Topic(), r.Envelope); err != nil {
			t.Fatal(err)
		}
		time.Sleep(floodEvery)
	}
}

func freshKeys(t *testing.T, n int) (out []crypto.PrivKey) {
	t.Helper()
	for range n {
		key, _, err := crypto.GenerateEd25519Key(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, key)
	}
	return out
}

func fakeTask(i int) announce.Announcement {
	c := taskOf(fmt.Sprint("fake ", i))
	return announce.Announcement{Task: c, Kind: announce.Offer, Subject: announce.SubjectTask, Root: c, Bytes: 1,
		Blocks: 1}
}

func fakeSet(i int) announce.Announcement {
	return announce.Announcement{Task: taskOf("digits"), Kind: announce.Offer, Subject: announce.SubjectSet,
		Root: taskOf(fmt.Sprint("fake ", i)), Bytes: 1000, Blocks: 1}
}

// delays records when a book takes in what somebody published.
type delays struct {
	mu sync.Mutex
	at map[cid.Cid]time.Time
}

func watchDelays(n *node) *delays {
	d := &delays{at: map[cid.Cid]time.Time{}}
	n.book.Watch(func(r announce.Record) {
		d.mu.Lock()
		defer d.mu.Unlock()
		if _, again := d.at[r.Root]; !again {
			d.at[r.Root] = time.Now()
		}
	})
	return d
}

// since returns how long after start a root came; a minute when it did not.
func (d *delays) since(root cid.Cid, start time.Time) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, ok := d.at[root]; ok {
		return at.Sub(start)
	}
	return time.Minute
}

// An attacker beside a hub floods the mesh with tasks, or with sets of the task, that
// twenty fresh keys sign. Honest tasks and sets cross the hub as fast as before, while
// the flood lasts and after it; a node that joins then gets them by catch-up, and so
// does one that is started again.
func TestAFloodOfFreshKeysStopsNoHonestAnnouncement(t *testing.T) {
	for name, draft := range map[string]func(int) announce.Announcement{"tasks": fakeTask, "sets": fakeSet} {
		for _, identities := range []int{9, 20} { // with nine, each has its whole quota
			t.Run(fmt.Sprintf("%s of %d keys", name, identities), func(t *testing.T) {
				simulated(t, func(t *testing.T, network *simnet.Simnet) { floodCase(t, network, identities, draft) })
			})
		}
	}
}

func floodCase(t *testing.T, network *simnet.Simnet, identities int, draft func(int) announce.Announcement) {
	task := taskOf("digits")
	book := floodBook()
	start := func(i int, p Profile) *node {
		n := newNodeWith(t, book).start(t, onNetwork(p, network, address(256*i), 8000))
		if err := n.Join(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		return n
	}
	hub, edge, far := start(0, ProfileTrainer), start(1, ProfileEdge), start(2, ProfileTrainer)
	book.MaxRecords, book.MaxPerSigner = 8*floodTasks, floodTasks
	attacker := start(3, ProfileTrainer)
	book = floodBook()
	for _, n := range []*node{edge, far, attacker} {
		connect(t, n, hub)
	}
	time.Sleep(10 * time.Second)
	heard := watchDelays(far)
	seed := 0
	// publish announces a task and a set, and returns how long the slower one takes.
	publish := func() time.Duration {
		seed++
		at := time.Now()
		other := edge.publishTask(t, fmt.Sprint("honest ", seed)).Root
		root := edge.publishSet(t, task, seed, 1000).Root
		time.Sleep(time.Second)
		return max(heard.since(other, at), heard.since(root, at))
	}
	quiet := publish()
	var flood sync.WaitGroup
	flood.Go(func() { attacker.flood(t, freshKeys(t, identities), floodTasks, draft) })
	for range 2 {
		if took := publish(); took > 2*quiet {
			t.Errorf("during the flood an announcement takes %v, before %v", took, quiet)
		}
	}
	flood.Wait()
	if took := publish(); took > 2*quiet {
		t.Errorf("after the flood an announcement takes %v, before %v", took, quiet)
	}
	late := start(4, ProfileTrainer)
	connect(t, late, hub)
	time.Sleep(10 * time.Second)
	for name, n := range map[string]*node{"hub": hub, "far": far, "late": late} {
		honest := 0
		for i := 1; i <= seed; i++ {
			honest += len(n.book.Live(announce.Query{Root: taskOf(fmt.Sprint("honest ", i)), Signer: edge.ID()}))
		}
		if sets := len(n.book.Live(announce.Query{Task: task, Signer: edge.ID()})); honest != seed || sets != seed {
			t.Errorf("%s: %d tasks and %d sets of %d each", name, honest, sets, seed)
		}
	}
	t.Logf("quiet %v; the hub holds %d records", quiet, len(hub.book.Live(announce.Query{})))
	for _, n := range []*node{hub, edge, far, late, attacker} {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	}
	synctest.Wait()
	time.Sleep(time.Minute)
}
