package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/ipfs/go-cid"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/train/data"
)

// published is a home whose node offers sets that it made.
func published(t *testing.T, count int) (home.Home, []operations.SetInfo) {
	t.Helper()
	h, n, name := offline(t)
	var out []operations.SetInfo
	for i := range count {
		made := makeSet(t, n, name, "gmm", uint64(i+1))
		if _, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: made.CID}, nil); err != nil {
			t.Fatal(err)
		}
		out = append(out, made)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	return h, out
}

// bodyOf is what an announcement says of a set.
func bodyOf(s operations.SetInfo) catalogue.Body {
	return catalogue.SetBody{Method: s.Method, Images: s.Images, Counts: s.Counts, Formation: 1}
}

// nowhere is the root of what nobody has.
func nowhere(t *testing.T, name string) cid.Cid {
	t.Helper()
	c, err := artifact.RawCID([]byte(name))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Twenty keys announce two sets each, as good as the honest ones and smaller: one that nobody
// has, and one of which the first block comes and no other. A gather whose budget is what the
// honest sets need takes all of these.
func TestAGatherTakesAllHonestSetsBesideFakesThatAreSmaller(t *testing.T) {
	t.Parallel()
	h, honest := published(t, 5)
	edge := start(t, h, StartOptions{})
	r := start(t, shortHome(t), StartOptions{Bootstrap: []string{edge.addr}})
	task := cid.MustParse(honest[0].Task)
	if err := r.node.takePartIn(t.Context(), task); err != nil {
		t.Fatal(err)
	}
	var begun []*stranger
	for i := range 20 {
		liar := strangerAt(t, r.addr)
		fake := announce.Announcement{Task: task, Kind: announce.Offer, Subject: announce.SubjectSet,
			Root: nowhere(t, fmt.Sprint("fake ", i)), Bytes: honest[0].Bytes / 2, Blocks: 5, Schema: catalogue.SchemaSet}
		liar.say(t, fake, bodyOf(honest[0]))
		fake = liar.add(t, task, fstest.MapFS{"manifest.json": {Data: fmt.Append(nil, i)},
			"data.safetensors": {Data: []byte(strings.Repeat("x", 50+i))}})
		if i%2 == 0 { // no block but the first
			liar.shelf.holdBack(1)
			begun = append(begun, liar)
		} else { // no block at all
			liar.shelf.holdBack(0)
		}
		liar.say(t, fake, bodyOf(honest[0]))
	}
	until(t, "all sets announced", func() bool {
		all, err := r.node.known.Sets(t.Context(), task)
		return err == nil && len(all) == len(honest)+40
	})
	var want []string
	budget := int64(0)
	for _, s := range honest {
		want, budget = append(want, s.CID), budget+s.Bytes
	}
	slices.Sort(want)
	req := operations.GatherRequest{Task: honest[0].Task, BudgetBytes: budget}
	out, err := operations.Gather.Do(t.Context(), r.node, req, nil)
	if err != nil && !strings.Contains(err.Error(), "could not be fetched") {
		t.Fatal(err)
	}
	if got := slices.Sorted(slices.Values(out.Sets)); !slices.Equal(got, want) || out.Bytes != budget {
		t.Errorf("took %d of %d honest sets, %d bytes of %d", len(got), len(want), out.Bytes, budget)
	}
	if here := sets(t, r); len(here) != len(honest) {
		t.Errorf("%d sets are here", len(here))
	}
	if out.Fetched <= 0 || out.Fetched > budget { // blocks of a set that was begun twice come once
		t.Errorf("%d bytes were fetched, %d counted", out.Fetched, budget)
	}
	for _, c := range out.Choices {
		if taken := c.Taken && c.Error == ""; taken != slices.Contains(want, c.Set.CID) {
			t.Errorf("%s: taken %t, %q, %q", c.Set.CID, c.Taken, c.Why, c.Error)
		}
	}
	tried := 0
	for _, liar := range begun {
		if liar.shelf.waiting.Load() > 0 {
			tried++
		}
	}
	if tried == 0 {
		t.Error("no fake was begun, so this test shows nothing")
	}
}

// announceTasks has a stranger know tasks that it signed itself. Peers hear of them when they meet
// it and catch up.
func (s *stranger) announceTasks(t *testing.T, tasks []cid.Cid) {
	t.Helper()
	for _, task := range tasks {
		a := announce.Announcement{Version: announce.Version, Seq: 1, Task: task, Kind: announce.Offer,
			Subject: announce.SubjectTask, Root: task, Bytes: 1000, Blocks: 1,
			Issued: time.Now().UTC().Truncate(time.Second)}
		a.Expires = a.Issued.Add(24 * time.Hour)
		r, err := announce.Seal(a, s.key)
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.Book().Put(t.Context(), r, announce.Source{}); v != announce.Accept {
			t.Fatal(v, err)
		}
	}
}

// taskWithDocument is a made-up task whose document a stranger serves.
func (s *stranger) taskWithDocument(t *testing.T, name string) cid.Cid {
	t.Helper()
	made := *data.WellKnownTask("glyph-digits")
	made.Name = name
	doc, err := artifact.EncodeTask(&made)
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.store.AddRaw(t.Context(), doc, name)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Twenty keys announce 6,520 made-up tasks: eight of them 800 each, of which nothing can be had,
// and twelve 10 each with documents. A trainer knows no more of them than a quarter of its book,
// joins no more than a tenth of its tasks for one key, and joins an honest task that comes when its
// places are taken.
func TestATrainerJoinsAnHonestTaskBesideThousandsOfFakes(t *testing.T) {
	t.Parallel()
	h, honest := published(t, 1)
	trainer := start(t, shortHome(t), StartOptions{Role: RoleTrainer})
	most := trainer.node.config.Trainer.MaxTasks
	owner := map[cid.Cid]int{} // of fake tasks -> number of the key
	for key := range 20 {
		liar := newStranger(t)
		var tasks []cid.Cid
		for i := range 800 {
			name := fmt.Sprintf("fake-%d-%d", key, i)
			if key >= 8 && i == 10 {
				break
			}
			task := nowhere(t, name)
			if key >= 8 {
				task = liar.taskWithDocument(t, name)
			}
			tasks = append(tasks, task)
			owner[task] = key
		}
		liar.announceTasks(t, tasks)
		liar.connect(t, trainer.addr)
	}
	live := func() int { return len(trainer.node.held.Book.Live(announce.Query{Subject: announce.SubjectTask})) }
	ofKeys := func() map[int]int {
		joined := map[int]int{}
		for _, task := range trainer.node.mesh.Tasks() {
			if key, fake := owner[task]; fake {
				joined[key]++
			}
		}
		return joined
	}
	until(t, "flooded", func() bool { return live() >= 2000 && len(trainer.node.mesh.Tasks()) == most })
	edge := start(t, h, StartOptions{Bootstrap: []string{trainer.addr}})
	until(t, "the honest set held", func() bool {
		all := sets(t, trainer)
		return len(all) == 1 && all[0].CID == honest[0].CID
	})
	tasks := trainer.node.mesh.Tasks()
	if !slices.ContainsFunc(tasks, cid.MustParse(honest[0].Task).Equals) || len(tasks) > most {
		t.Errorf("%d tasks are joined, at most %d wanted, the honest one among them", len(tasks), most)
	}
	joined := ofKeys()
	for key, n := range joined {
		if n > most/10 {
			t.Errorf("key %d has %d tasks, at most %d wanted", key, n, most/10)
		}
	}
	if len(joined) == 0 {
		t.Error("no fake task is joined, so this test shows nothing")
	}
	known := announce.DefaultOptions().MaxRecords / 4
	if n := live(); n > known+2*most {
		t.Errorf("%d tasks are known, at most %d and those that are joined or were", n, known)
	}
	if s := status(t, edge); s.Peers == 0 {
		t.Error("the edge is alone")
	}
}
