package operations

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/state"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files"
)

// Verbs of one version talk to nodes of another by these names.
func TestOperationsHaveTheirNames(t *testing.T) {
	want := map[string]string{
		"status": string(Status), "peers": string(Peers), "cost": string(Cost), "tasks": string(Tasks),
		"task": string(ShowTask), "task-add": string(AddTask), "data": string(ListData),
		"data-register": string(RegisterData), "data-forget": string(ForgetData), "sets": string(Sets),
		"sets-held": string(HeldSets), "set-add": string(AddSet), "publish": string(Publish),
		"models": string(Models), "model-add": string(AddModel), "read": string(Read), "fetch": string(Fetch),
		"gather": string(Gather), "remove": string(Remove), "scores": string(Scores),
		"score-publish": string(PublishScore), "scores-record": string(RecordScores),
	}
	seen := map[string]bool{}
	for name, got := range want {
		if got != name || seen[got] || strings.ContainsAny(got, "/ ?#") {
			t.Errorf("%q is called %q", name, got)
		}
		seen[got] = true
	}
}

func TestWhatMayLeaveWithoutBeingTold(t *testing.T) {
	for what, c := range map[string]struct {
		m       artifact.Manifest
		refused string
	}{
		"images learned from many samples": {artifact.Manifest{NearestReal: 1}, ""},
		"means of ten":                     {artifact.Manifest{NearestReal: 1, SmallestGroup: 10}, ""},
		"means of three":                   {artifact.Manifest{NearestReal: 1, SmallestGroup: 3}, "averages 3 real samples"},
		"real samples":                     {artifact.Manifest{ContainsReal: true, NearestReal: 0.25}, "nearest_real 0.25"},
	} {
		err := MayLeave(c.m)
		if err == nil || c.refused == "" {
			if err != nil || c.refused != "" {
				t.Errorf("%s: %v", what, err)
			}
			continue
		}
		if d := api.Describe(err); d.Code != api.CodeRefused || d.Hint == "" || !strings.Contains(d.Message, c.refused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestATaskComesBackFromItsDescription(t *testing.T) {
	own := &data.Task{Version: data.TaskVersion, Name: "cats", Classes: []string{"cat", "dog"},
		Shape: data.Shape{C: 3, H: 8, W: 8}, Mean: []float64{.1, .2, .3}, Std: []float64{1, 2, 3}, Augment: "mild"}
	table := &data.Task{Version: data.TaskVersion, Name: "iris", Classes: []string{"a", "b"},
		Shape: data.Shape{C: 1, H: 1, W: 2}, Mean: []float64{0, 0}, Std: []float64{1, 1},
		Features: []files.Feature{{Name: "length"}, {Name: "width"}}}
	for _, task := range append(data.WellKnownTasks(), own, table) {
		builtIn := task != own && task != table
		want, err := artifact.TaskCID(task)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := json.Marshal(NewTaskInfo(want.String(), task, builtIn))
		if err != nil {
			t.Fatal(err)
		}
		var info TaskInfo
		if err := json.Unmarshal(doc, &info); err != nil {
			t.Fatal(err)
		}
		if got, err := artifact.TaskCID(info.Task()); err != nil || !got.Equals(want) {
			t.Errorf("%s comes back as %s, %v, want %s", task.Name, got, err, want)
		}
	}
}

// What programs read of --json and other versions over the socket.
func TestDocumentsKeepTheirKeys(t *testing.T) {
	for want, v := range map[string]any{
		"cid task task_name bytes blocks method images counts contains_real here published signers holders": SetInfo{},
		"cid task task_name model bytes sets here":                                                          ModelInfo{},
		"cid name classes shape mean std built_in joined sets trainers":                                     TaskInfo{},
		"cid task subject":                        Content{},
		"cid bytes fetched from here":             Fetched{},
		"set taken why":                           Choice{},
		"task choices sets bytes fetched":         Gathered{},
		"set announced bytes":                     Published{},
		"cid task claims attestations verified":   SetScores{},
		"cid score":                               PublishScoreRequest{},
		"cid claim announced":                     PublishedScore{},
		"own judged":                              RecordScoresRequest{},
		"in out by_protocol set_bytes clients":    CostInfo{},
		"code message hint":                       Problem{},
		"task origin":                             AddSetRequest{},
		"task publish":                            AddModelRequest{},
		"name path task part classes counts test": state.DataEntry{},
		"name path task part classes counts test task_document":                   DataRegistration{},
		"id role agent addrs direction latency_ms connected_seconds tasks in out": PeerInfo{},
		"id home running role mesh version uptime_seconds addrs peers tasks sets models announced " +
			"store_bytes quota_bytes problems": StatusInfo{},
	} {
		doc, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]json.RawMessage
		if err := json.Unmarshal(doc, &keys); err != nil {
			t.Fatal(err)
		}
		for _, key := range strings.Fields(want) {
			if _, ok := keys[key]; !ok {
				t.Errorf("%T has no %q: %s", v, key, doc)
			}
			delete(keys, key)
		}
		if len(keys) > 0 {
			t.Errorf("%T has more: %v", v, keys)
		}
	}
}

func TestProtocolsAreListedByBytes(t *testing.T) {
	c := CostInfo{ByProtocol: map[string]state.Moved{"/b": {In: 5}, "/a": {Out: 5}, "/large": {In: 3, Out: 3},
		"/none": {}}}
	if got := c.Protocols(); !slices.Equal(got, []string{"/large", "/a", "/b", "/none"}) {
		t.Errorf("listed %v", got)
	}
}

func TestFedAvgMovesEveryParameterBothWays(t *testing.T) {
	if got := FedAvg(61_706, 10); got != (FedAvgBytes{Up: 2_468_240, Down: 2_468_240}) {
		t.Errorf("got %+v", got)
	}
}
