package node

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/operations"
)

// waitLimit is how long a test waits for other goroutines before it gives up.
const waitLimit = time.Minute

// running is a node that runs in this process on loopback alone, and a connection
// to it.
type running struct {
	api.Conn
	addr string
	node *Node
}

// start starts a node on a home and connects to it over its socket.
func start(t *testing.T, h home.Home, opt StartOptions) *running {
	t.Helper()
	if _, _, err := h.Init("edge"); err != nil {
		t.Fatal(err)
	}
	config := "[mesh]\nname = \"test\"\nlisten = [\"/ip4/127.0.0.1/tcp/0\"]\nmdns = false\n"
	if err := os.WriteFile(h.ConfigPath(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	opt.Log = slog.New(slog.DiscardHandler)
	n, err := Start(t.Context(), h, opt)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{node: n, addr: n.Addrs()[0]}
	t.Cleanup(func() { r.stop(t) })
	if r.Conn, err = Connect(t.Context(), h, opt.Log); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	if err := errors.Join(r.Close(), r.node.Close()); err != nil {
		t.Error(err)
	}
}

// until asks again and again until the answer is as it should be.
func until(t *testing.T, what string, met func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(waitLimit); !met(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("still not %s after %s", what, waitLimit)
		}
	}
}

// shortHome is a home whose socket fits into its path.
func shortHome(t *testing.T) home.Home {
	t.Helper()
	dir, err := os.MkdirTemp("", "node")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return home.Home{Path: dir}
}

func TestARunningNodeAnswersAsAnOfflineOneDoes(t *testing.T) {
	h, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	before := sets(t, n)
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	r := start(t, h, StartOptions{})
	if _, ok := r.Conn.(*api.Client); !ok || !r.Online() {
		t.Errorf("connected by %T, online %t", r.Conn, r.Online())
	}
	if s := status(t, r); !s.Running || s.Role != RoleEdge || s.Sets != 1 || len(s.Addrs) != 1 || s.Addrs[0] != r.addr {
		t.Errorf("status %+v", s)
	}
	if after := sets(t, r); len(after) != 1 || after[0].CID != before[0].CID || after[0].Bytes != before[0].Bytes {
		t.Errorf("listed %+v, before %+v", after, before)
	}
	second := makeSet(t, r, name, "gmm", 2) // its files travel over the socket
	if all := sets(t, r); len(all) != 2 || second.CID == made.CID {
		t.Errorf("listed %+v", all)
	}
	for _, cid := range []string{made.CID, second.CID} {
		content, files, err := operations.Read.Do(t.Context(), r, operations.RootRequest{CID: cid}, nil)
		if err != nil || content.CID != cid || len(files) != 4 {
			t.Errorf("read %+v, %d files, %v", content, len(files), err)
		}
	}
	left, err := os.ReadDir(h.UploadPath())
	if err != nil && !os.IsNotExist(err) || len(left) > 0 {
		t.Errorf("uploads left: %v, %v", left, err)
	}
	_, err = operations.Publish.Do(t.Context(), r, operations.PublishRequest{CID: "bafynope"}, nil)
	if d := Describe(err); d.Code != api.CodeNotFound || d.Hint == "" {
		t.Errorf("an error over the socket: %+v", *d)
	}
	if _, err := Start(t.Context(), h,
		StartOptions{Log: slog.New(slog.DiscardHandler)}); Describe(err).Code != api.CodeBusy {
		t.Errorf("a second node on the home: %v", err)
	}
	r.stop(t)
	c, err := Connect(t.Context(), h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if all := sets(t, c); len(all) != 2 || c.Online() {
		t.Errorf("after it has stopped: %+v, online %t", all, c.Online())
	}
}

// What edges publish, a trainer fetches by itself; what it was told to remove stays away.
func TestATrainerFetchesWhatAnEdgePublishes(t *testing.T) {
	h, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	if _, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	edge := start(t, h, StartOptions{})
	trainer := start(t, shortHome(t), StartOptions{Role: RoleTrainer, Bootstrap: []string{edge.addr}})
	until(t, "fetched", func() bool { return len(sets(t, trainer)) == 1 })
	until(t, "a volunteer", func() bool {
		info, err := operations.ShowTask.Do(t.Context(), edge, operations.TaskRequest{Name: "glyph-digits"}, nil)
		return err == nil && info.Trainers == 1
	})
	until(t, "announced by both", func() bool {
		all, err := operations.Sets.Do(t.Context(), edge, operations.SetQuery{Remote: true}, nil)
		return err == nil && len(all) == 1 && len(all[0].Holders) == 2 && len(all[0].Signers) == 1
	})
	peers, err := operations.Peers.Do(t.Context(), edge, api.None{}, nil)
	if err != nil || len(peers) != 1 || peers[0].Role != RoleTrainer || peers[0].Refused != "" {
		t.Errorf("peers %+v, %v", peers, err)
	}
	got, err := operations.Gather.Do(t.Context(), trainer, operations.GatherRequest{Task: "glyph-digits"}, nil)
	if err != nil || !slices.Equal(got.Sets, []string{made.CID}) || got.Fetched != 0 {
		t.Errorf("gathered %+v, %v", got, err)
	}
	if _, err := operations.Remove.Do(t.Context(), trainer, operations.RootRequest{CID: made.CID}, nil); err != nil {
		t.Fatal(err)
	}
	second := makeSet(t, edge, name, "gmm", 2)
	if _, err := operations.Publish.Do(t.Context(), edge, operations.PublishRequest{CID: second.CID}, nil); err != nil {
		t.Fatal(err)
	}
	until(t, "the second alone", func() bool {
		all := sets(t, trainer)
		return len(all) == 1 && all[0].CID == second.CID
	})
	fetched, err := operations.Fetch.Do(t.Context(), trainer, operations.RootRequest{CID: made.CID}, nil)
	if err != nil || fetched.Here || fetched.Fetched == 0 || len(fetched.From) == 0 {
		t.Errorf("fetched what was removed: %+v, %v", fetched, err)
	}
	cost, err := operations.Cost.Do(t.Context(), trainer, operations.CostRequest{Task: "glyph-digits", Model: "lenet"},
		nil)
	if err != nil || cost.In == 0 || cost.Clients != 1 || len(cost.Protocols()) == 0 {
		t.Errorf("cost %+v, %v", cost, err)
	}
}
