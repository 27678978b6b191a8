package jobs

import (
	"context"
	"fmt"
	"slices"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/distill/judge"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/node/operations"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/view"
)

// ownSamples is how many local training samples sets are judged with, at most.
const ownSamples = 600

// quarantine leaves out the sets that the others, or local samples, contradict, and has the node
// remember which. Sets that cannot be judged are kept. It returns the CIDs that are left out.
func quarantine(ctx context.Context, c api.Conn, task operations.TaskInfo, roots []string, sets []*artifact.Set,
	report api.Report) (keptRoots []string, kept []*artifact.Set, out []string, _ error) {
	var samples []*data.Samples
	for _, s := range sets {
		samples = append(samples, s.TrainingSamples())
	}
	own, err := ownOf(ctx, c, task, view.Of(artifact.Recommend(sets).Recipe), report)
	if err != nil {
		return nil, nil, nil, err
	}
	report.Say(api.Progress{Stage: "judge sets", Total: int64(len(sets)), Unit: "sets"})
	verdicts, err := judge.Sets(ctx, judge.Question{Sets: samples, Own: own})
	if err != nil {
		if ctx.Err() == nil {
			report.Note("the sets could not be judged, all are used: %v", err)
			return roots, sets, nil, nil
		}
		return nil, nil, nil, err
	}
	found := operations.Judged{Task: task.CID}
	for i, v := range verdicts {
		if !v.Quarantined {
			keptRoots, kept = append(keptRoots, roots[i]), append(kept, sets[i])
			if alone := names(v.Alone, task.Task().Classes); alone != "" && own == nil && len(sets) > 2 {
				found.Marked = append(found.Marked, operations.Quarantined{CID: roots[i], Why: "no other set holds " + alone +
					": nothing can be compared with these images"})
			}
			continue
		}
		out = append(out, roots[i])
		found.Quarantined = append(found.Quarantined, operations.Quarantined{CID: roots[i], Why: v.Why})
		report.Note("set %s is left out: %s ('--set CID' or '--trust-all' trains on it all the same)", roots[i], v.Why)
	}
	_, err = operations.Judge.Do(ctx, c, found, nil)
	return keptRoots, kept, out, err
}

// names lists classes by name.
func names(classes []int, all []string) string {
	text := ""
	for i, c := range slices.Sorted(slices.Values(classes)) {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%q", all[c])
	}
	return text
}

// ownOf is some training samples of the task that are registered here, seen as a model that
// trains on the sets sees them; nil for none.
func ownOf(ctx context.Context, c api.Conn, task operations.TaskInfo, v view.View, report api.Report) (*data.Samples,
	error) {
	local, err := localdata.TrainingDataFor(ctx, c, task.CID, report)
	if err != nil || local == nil {
		return nil, err
	}
	members := (&data.Samples{Classes: len(local.Task.Classes), Y: local.Train.Labels()}).ByClass()
	var pick []int
	for _, of := range members {
		n := min(len(of), max(1, ownSamples/len(members)))
		for i := range n {
			pick = append(pick, of[i*len(of)/n])
		}
	}
	own, err := data.LoadAll(local.Task, data.Pick(local.Train, pick))
	if err != nil || v.IsNone() {
		return own, err
	}
	seen := *own
	seen.X = make([]float32, len(own.X))
	v.Open(own.Shape).ShowRows(own, 0, own.Len(), seen.X)
	return &seen, nil
}
