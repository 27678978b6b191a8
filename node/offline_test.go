package node

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/catalogue"
	"github.com/distillmesh/distillmesh/node/home"
	"github.com/distillmesh/distillmesh/node/jobs"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/p2p/announce"
	"github.com/distillmesh/distillmesh/p2p/blocks"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/plan"
	"github.com/distillmesh/distillmesh/train/recipe"
)

// makeSet makes a set of a data set, with preview and card, and returns what a list says of it.
func makeSet(t *testing.T, c api.Conn, name, method string, seed uint64) operations.SetInfo {
	t.Helper()
	made, err := jobs.Distill(t.Context(), c, jobs.DistillOptions{Data: name, Method: method, IPC: 1, Seed: seed,
		Pixels: artifact.U8}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return made.SetInfo
}

func sets(t *testing.T, c api.Conn) []operations.SetInfo {
	t.Helper()
	all, err := operations.Sets.Do(t.Context(), c, operations.SetQuery{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// status is the status without what differs from run to run.
func status(t *testing.T, c api.Conn) operations.StatusInfo {
	t.Helper()
	s, err := operations.Status.Do(t.Context(), c, api.None{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestASetIsKeptListedPublishedAndRemoved(t *testing.T) {
	_, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	if all := sets(t, n); len(all) != 1 || all[0].CID != made.CID || all[0].Published || all[0].Origin != name ||
		!all[0].Here {
		t.Errorf("listed %+v", all)
	}
	content, files, err := operations.Read.Do(t.Context(), n, operations.RootRequest{CID: made.CID[:20]}, nil)
	if err != nil || content.Subject != "set" || content.CID != made.CID || len(files) != 4 {
		t.Errorf("read %+v, %d files, %v", content, len(files), err)
	}
	held, err := operations.HeldSets.Do(t.Context(), n, operations.TaskRequest{Name: "glyph-digits"}, nil)
	if err != nil || !slices.Equal(held, []string{made.CID}) {
		t.Errorf("held %v, %v", held, err)
	}
	dry, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: made.CID, DryRun: true}, nil)
	if err != nil || dry.Announced || dry.Set.Published || sets(t, n)[0].Published {
		t.Errorf("a dry run: %+v, %v", dry, err)
	}
	p, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: made.CID}, nil)
	if err != nil || p.Announced || !p.Set.Published || !sets(t, n)[0].Published {
		t.Errorf("published: %+v, %v", p, err)
	}
	if s := status(t, n); s.Sets != 1 || s.Models != 0 || s.Tasks != 1 || s.Announced != 2 || s.Running ||
		s.StoreBytes == 0 {
		t.Errorf("status %+v", s)
	}
	gone, err := operations.Remove.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil)
	if err != nil || gone.CID != made.CID || gone.Subject != "set" || len(sets(t, n)) != 0 {
		t.Errorf("removed %+v, %v; left %+v", gone, err, sets(t, n))
	}
	if s := status(t, n); s.Sets != 0 || s.Announced != 1 {
		t.Errorf("status afterwards %+v", s)
	}
	_, err = operations.Remove.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil)
	if Describe(err).Code != api.CodeNotFound {
		t.Errorf("removed twice: %v", err)
	}
	if _, _, err = operations.Read.Do(t.Context(), n, operations.RootRequest{CID: made.CID},
		nil); Describe(err).Code != api.CodeNotFound {
		t.Errorf("read what was removed: %v", err)
	}
}

func TestRealSamplesArePublishedOnlyWhenAllowed(t *testing.T) {
	_, n, name := offline(t)
	real := makeSet(t, n, name, "random", 1)
	for what, c := range map[string]struct {
		req  operations.PublishRequest
		code api.Code
	}{
		"not allowed":         {operations.PublishRequest{CID: real.CID}, api.CodeRefused},
		"not even dry":        {operations.PublishRequest{CID: real.CID, DryRun: true}, api.CodeRefused},
		"unknown":             {operations.PublishRequest{CID: "bafynope"}, api.CodeNotFound},
		"neither set nor own": {operations.PublishRequest{CID: status(t, n).ID}, api.CodeNotFound},
	} {
		_, err := operations.Publish.Do(t.Context(), n, c.req, nil)
		if d := Describe(err); err == nil || d.Code != c.code || d.Hint == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := operations.Publish.Do(t.Context(), n, operations.PublishRequest{CID: real.CID, AllowReal: true},
		nil); err != nil {
		t.Errorf("allowed: %v", err)
	}
}

func TestWhatNeedsTheMeshSaysSo(t *testing.T) {
	_, n, name := offline(t)
	made := makeSet(t, n, name, "gmm", 1)
	away := "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi"
	_, peers := operations.Peers.Do(t.Context(), n, api.None{}, nil)
	_, remote := operations.Sets.Do(t.Context(), n, operations.SetQuery{Remote: true}, nil)
	_, fetch := operations.Fetch.Do(t.Context(), n, operations.RootRequest{CID: away}, nil)
	for what, err := range map[string]error{"peers": peers, "ls --remote": remote, "get": fetch} {
		if d := Describe(err); err == nil || d.Code != api.CodeNotRunning || d.Hint == "" {
			t.Errorf("%s: %v", what, err)
		}
	}
	got, err := operations.Fetch.Do(t.Context(), n, operations.RootRequest{CID: made.CID}, nil)
	if err != nil || !got.Here || got.Fetched != 0 || got.Bytes == 0 {
		t.Errorf("get what is here: %+v, %v", got, err)
	}
}

func TestGatherExplainsWhatItTakes(t *testing.T) {
	_, n, name := offline(t)
	makeSet(t, n, name, "gmm", 1)
	task, _, err := n.known.FindTask(t.Context(), "glyph-digits")
	if err != nil {
		t.Fatal(err)
	}
	key, _, err := crypto.GenerateEd25519Key(nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := catalogue.EncodeBody(catalogue.SetBody{Method: "gmm", Images: 1, Counts: []int{0, 0, 0, 0, 0, 0, 0, 0,
		0, 1}, Formation: 1})
	if err != nil {
		t.Fatal(err)
	}
	root, _, err := blocks.RootOf(artifact.Files{"x": []byte("away")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.held.Book.Issue(t.Context(), key, announce.Announcement{Task: task, Kind: announce.Offer,
		Subject: announce.SubjectSet, Root: root, Bytes: 900, Blocks: 2, Schema: catalogue.SchemaSet,
		Body: body}); err != nil {
		t.Fatal(err)
	}
	req := operations.GatherRequest{Task: "glyph-digits", Explain: true}
	got, err := operations.Gather.Do(t.Context(), n, req, nil)
	if err != nil || len(got.Choices) != 2 || !got.Choices[0].Taken || !got.Choices[1].Taken || len(got.Sets) != 0 {
		t.Errorf("explained %+v, %v", got, err)
	}
	req = operations.GatherRequest{Task: "glyph-digits"} // offline it cannot fetch
	_, err = operations.Gather.Do(t.Context(), n, req, nil)
	if d := Describe(err); d.Code != api.CodePartly || !strings.HasPrefix(d.Message,
		"1 of 2 sets could not be fetched") {
		t.Errorf("gathered: %v", err)
	}
	req.BudgetBytes = 1000 // which the one that is here exceeds
	if got, err = operations.Gather.Do(t.Context(), n, req, nil); Describe(err).Code != api.CodePartly {
		t.Errorf("under a budget: %+v, %v", got, err)
	}
	req.From = []string{"nobody"}
	if _, err := operations.Gather.Do(t.Context(), n, req, nil); Describe(err).Code != api.CodeUsage {
		t.Errorf("from an id that is none: %v", err)
	}
}

func TestTasksAndDataAreRemembered(t *testing.T) {
	h, n, name := offline(t)
	doc, err := artifact.EncodeTask(&data.Task{Version: data.TaskVersion, Name: "own", Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	own, err := operations.AddTask.Do(t.Context(), n, operations.AddTaskRequest{Document: doc, Publish: true}, nil)
	if err != nil || !own.Joined {
		t.Errorf("added %+v, %v", own, err)
	}
	other, err := artifact.EncodeTask(&data.Task{Version: data.TaskVersion, Name: "own", Classes: []string{"a", "c"},
		Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operations.AddTask.Do(t.Context(), n, operations.AddTaskRequest{Document: other},
		nil); Describe(err).Code != api.CodeUsage {
		t.Errorf("another task of that name: %v", err)
	}
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenOffline(h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	all, err := operations.Tasks.Do(t.Context(), again, api.None{}, nil)
	if err != nil || !slices.ContainsFunc(all, func(i operations.TaskInfo) bool {
		return i.CID == own.CID &&
			i.Joined
	}) {
		t.Errorf("tasks %+v, %v", all, err)
	}
	if err := os.MkdirAll(h.File("data"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.ReportPath(name), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, err := operations.ForgetData.Do(t.Context(), again, "glyph-digits", nil)
	if err != nil || !slices.Equal(gone, []string{"glyph-digits", name}) {
		t.Errorf("forgot %v, %v", gone, err)
	}
	if _, err := os.Stat(h.ReportPath(name)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the report is still there: %v", err)
	}
	left, err := operations.ListData.Do(t.Context(), again, api.None{}, nil)
	if err != nil || len(left) != 0 {
		t.Errorf("data %+v, %v", left, err)
	}
}

func TestAModelIsKeptAndCounted(t *testing.T) {
	_, n, name := offline(t)
	makeSet(t, n, name, "gmm", 1)
	p := plan.Train{Version: plan.SchemaVersion, Task: "glyph-digits", Model: "lenet", Publish: true,
		Recipe: recipe.Patch(`{"min_steps": 5, "max_steps": 5}`)}
	made, err := jobs.Train(t.Context(), n, p, home.Home{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := operations.Models.Do(t.Context(), n, api.None{}, nil)
	if err != nil || len(all) != 1 || all[0].CID != made.CID || !all[0].Here || all[0].Signer != n.ID().String() {
		t.Errorf("listed %+v, %v", all, err)
	}
	if s := status(t, n); s.Models != 1 || s.Sets != 1 {
		t.Errorf("status %+v", s)
	}
	if err := n.held.State.AddTraffic(state.Traffic{In: 5, Out: 7, ByProtocol: map[string]state.Moved{"/x": {In: 5,
		Out: 7}}}); err != nil {
		t.Fatal(err)
	}
	cost, err := operations.Cost.Do(t.Context(), n, operations.CostRequest{Task: "glyph-digits", Model: "lenet"}, nil)
	if err != nil || cost.In != 5 || cost.Out != 7 || cost.Parameters != 61_706 || cost.Clients != 0 ||
		cost.FedAvg == nil {
		t.Errorf("cost %+v, %v", cost, err)
	}
	cost, err = operations.Cost.Do(t.Context(), n, operations.CostRequest{Task: "glyph-digits", Model: "ntk:1"}, nil)
	if err != nil || cost.FedAvg != nil {
		t.Errorf("of a model without parameters: %+v, %v", cost, err)
	}
	_, err = operations.Cost.Do(t.Context(), n, operations.CostRequest{Task: "glyph-digits", Model: "x"}, nil)
	if Describe(err).Code != api.CodeUsage {
		t.Errorf("of no model: %v", err)
	}
}

func TestAClosedNodeIsClosedOnce(t *testing.T) {
	h, n, _ := offline(t)
	if other, err := OpenOffline(h, slog.New(slog.DiscardHandler)); Describe(err).Code != api.CodeBusy {
		other.Close()
		t.Errorf("opened twice: %v", err)
	}
	if err := errors.Join(n.Close(), n.Close()); err != nil {
		t.Error(err)
	}
	if n.Online() || n.Addrs() != nil || n.Role() != RoleEdge {
		t.Errorf("online %t at %v as %s", n.Online(), n.Addrs(), n.Role())
	}
	c, err := Connect(context.Background(), h, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
