package jobs

import (
	"context"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/node/api"
	"github.com/distillmesh/distillmesh/node/localdata"
	"github.com/distillmesh/distillmesh/train"
)

// measureIfAny evaluates a model that was just trained on test data, if there are any.
// Data that cannot be read are reported; the model is kept.
func measureIfAny(ctx context.Context, test *localdata.Opened, trained train.Classifier,
	report api.Report) (*artifact.Measurement, error) {
	if test == nil {
		return nil, nil
	}
	got, err := measure(ctx, test, trained, report)
	if err != nil && ctx.Err() == nil {
		report.Note("the model is kept, but was not measured: %v", err)
		return nil, nil
	}
	return got, err
}

func measure(ctx context.Context, local *localdata.Opened, trained train.Classifier,
	report api.Report) (*artifact.Measurement, error) {
	test, err := local.TestSamples()
	if err != nil {
		return nil, err
	}
	report.Say(api.Progress{Stage: "evaluate", Total: int64(test.Len()), Unit: "samples"})
	a, err := train.Evaluate(ctx, trained, test)
	if err != nil {
		return nil, err
	}
	return &artifact.Measurement{On: local.Task.Name + " test", Correct: a.Correct, Total: a.Total}, nil
}

// Evaluation is an accuracy of a model on local test data.
type Evaluation struct {
	CID      string                `json:"cid"`
	Model    string                `json:"model"`
	Data     string                `json:"data"`
	Accuracy float64               `json:"accuracy"`
	Measured artifact.Measurement  `json:"measured"`
	Claimed  *artifact.Measurement `json:"claimed,omitempty"`
}

// Evaluate evaluates a local model on the test part of a registered data set;
// without a name, on any of the task.
func Evaluate(ctx context.Context, c api.Conn, name, dataName string, report api.Report) (Evaluation, error) {
	content, m, err := ReadModel(ctx, c, name)
	if err != nil {
		return Evaluation{}, err
	}
	var local *localdata.Opened
	if dataName != "" {
		local, err = localdata.Open(ctx, c, dataName)
	} else {
		local, err = localdata.TestDataFor(ctx, c, content.Task, report)
	}
	switch {
	case err != nil:
		return Evaluation{}, err
	case local == nil:
		return Evaluation{}, api.Fail(api.CodeUsage, "register some with 'distillmesh data add PATH'",
			"no registered test data of task %s", m.Manifest.TaskName)
	case local.Entry.Task != content.Task:
		return Evaluation{}, api.Fail(api.CodeUsage, "leave out --data for data of its task",
			"%s is of task %s, the model of %s", dataName, local.Task.Name, m.Manifest.TaskName)
	}
	got, err := measure(ctx, local, m.Trained, report)
	if err != nil {
		return Evaluation{}, err
	}
	return Evaluation{CID: content.CID, Model: m.Manifest.Model, Data: local.Entry.Name,
		Accuracy: float64(got.Correct) / float64(got.Total),
		Measured: *got, Claimed: m.Manifest.Accuracy}, nil
}
