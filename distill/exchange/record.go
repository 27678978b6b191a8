package exchange

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/distillmesh/distillmesh/distill/artifact"
	"github.com/distillmesh/distillmesh/train/checkpoint"
	"github.com/distillmesh/distillmesh/train/data"
	"github.com/distillmesh/distillmesh/train/data/files/array"
)

// recordFile is the name of a record among the additional files of a PyTorch file, which PyTorch
// leaves unread.
const recordFile = "distillmesh.safetensors"

// recordVersion is the version of records.
const recordVersion = "1"

// record is what this program notes in a PyTorch file that it writes, so that reading it back
// guesses nothing and loses no bit.
type record struct {
	task      string // CID
	mean, std []float64
	soft      Soft // what labels are in the file: Logits, Targets or numbered; empty in a file of images
	// exact are the values before they were converted for the file, where that rounded; else nil.
	exact []float32
}

// numbered labels are the numbers of classes, from 0.
const numbered Soft = "numbers"

const (
	exactTensor = "exact"
	versionKey  = "version"
	taskKey     = "task"
	meanKey     = "mean"
	stdKey      = "std"
	softKey     = "soft"
)

// encode gives the additional file.
func (r *record) encode() (map[string][]byte, error) {
	meta := map[string]string{versionKey: recordVersion, taskKey: r.task}
	if r.soft != "" {
		meta[softKey] = string(r.soft)
	} else {
		for key, numbers := range map[string][]float64{meanKey: r.mean, stdKey: r.std} {
			text, err := json.Marshal(numbers)
			if err != nil {
				return nil, err
			}
			meta[key] = string(text)
		}
	}
	var tensors []checkpoint.Tensor
	if r.exact != nil {
		tensors = append(tensors, checkpoint.F32(exactTensor, []int{len(r.exact)}, r.exact))
	}
	content, err := checkpoint.Encode(tensors, meta)
	return map[string][]byte{recordFile: content}, err
}

// readRecord finds the record among additional files; nil when there is none.
func readRecord(extra map[string][]byte) (*record, error) {
	content := extra[recordFile]
	if content == nil {
		return nil, nil
	}
	tensors, meta, err := checkpoint.Decode(content, checkpoint.Limits{Tensors: 1, Rank: 1})
	if err != nil {
		return nil, err
	}
	if meta[versionKey] != recordVersion {
		return nil, fmt.Errorf("version %q, this program knows %s", meta[versionKey], recordVersion)
	}
	r := &record{task: meta[taskKey], soft: Soft(meta[softKey])}
	if !known(r.soft, Logits, Targets, numbered) {
		return nil, fmt.Errorf("soft labels %q", r.soft)
	}
	for key, into := range map[string]*[]float64{meanKey: &r.mean, stdKey: &r.std} {
		if r.soft == "" {
			if err := json.Unmarshal([]byte(meta[key]), into); err != nil {
				return nil, fmt.Errorf("%s: %w", key, err)
			}
		}
	}
	for _, t := range tensors {
		if r.exact, err = t.Float32s(); err != nil {
			return nil, err
		}
		if err := checkpoint.CheckFinite(t.Name, r.exact); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// suits reports whether a record is for the task of the reading and of n values; a record for
// others is left out with a note.
func (r *reading) suits(rec *record, n int) bool {
	task, err := artifact.TaskCID(r.task)
	switch {
	case err != nil:
		return false
	case rec.task != task.String():
		r.account.Warn("record", "", "this program wrote the file for another task: what it noted is not used")
		return false
	case rec.exact != nil && len(rec.exact) != n:
		r.account.Warn("record", "", "what this program noted in the file does not belong to it, and is not used")
		return false
	}
	return true
}

// byRecord brings images to task space as their file says that this program wrote them, and
// reports whether that was possible. Options take precedence.
func (r *reading) byRecord(out *Foreign, s *data.Samples, n *array.Numbers, rec *record) bool {
	if rec == nil || r.opt.Values != "" || r.opt.Mean != nil || !r.suits(rec, n.Len()) {
		return false
	}
	opt := Options{Values: Standard, Mean: rec.mean, Std: rec.std}
	if rec.soft != "" || len(rec.mean) != r.task.Constants() || opt.check(r.task) != nil {
		r.account.Warn("record", "", "what this program noted in the file does not suit it, and is not used")
		return false
	}
	out.Values, out.Mean, out.Std = Standard, rec.mean, rec.std
	if slices.Equal(rec.mean, r.task.Mean) && slices.Equal(rec.std, r.task.Std) {
		out.Values = InTask
	}
	r.convert(out, s, n)
	if rec.exact != nil {
		if !alike(standardized(rec.exact, r.task, rec.mean, rec.std), n.At) {
			r.account.Warn("record", "", "images differ from what this program noted in the file: that is not used")
			return false
		}
		s.X = rec.exact
	}
	r.account.See("record", "this program wrote the file: images are as they were, bit for bit")
	return true
}

// rowsByRecord is byRecord for rows of labels.
func (r *reading) rowsByRecord(s *data.Samples, rec *record) bool {
	if rec == nil || r.opt.Soft != "" || !slices.Contains([]Soft{Logits, Targets}, rec.soft) ||
		!r.suits(rec, len(s.Soft)) {
		return false
	}
	switch {
	case rec.exact != nil:
		rows := logits(rec.exact)
		if !alike(rows, func(i int) float64 { return float64(s.Soft[i]) }) {
			r.account.Warn("record", "", "labels differ from what this program noted in the file: that is not used")
			return false
		}
		s.Soft = rec.exact
	case rec.soft == Logits:
		softmax(s.Soft, s.Classes)
	}
	r.account.See("record", "this program wrote the labels: they are as they were, bit for bit")
	return true
}

// rounding is how far values may differ when another machine computed them again.
const rounding = 1e-5

func alike(computed []float32, stored func(i int) float64) bool {
	for i, v := range computed {
		want := stored(i)
		if !(math.Abs(float64(v)-want) <= rounding*(1+math.Abs(want))) {
			return false
		}
	}
	return true
}

// standardized are values of task space as standardized with other constants; the same bits where
// they are those of the task.
func standardized(x []float32, task *data.Task, mean, std []float64) []float32 {
	out := make([]float32, len(x))
	size := task.Shape.Size()
	plane := size / task.Constants()
	for i, v := range x {
		c := i % size / plane
		if out[i] = v; mean[c] != task.Mean[c] || std[c] != task.Std[c] {
			out[i] = float32((float64(v)*task.Std[c] + task.Mean[c] - mean[c]) / std[c])
		}
	}
	return out
}

// leastProbability is what a probability of 0 is taken for, as it has no logarithm.
const leastProbability = 1e-30

// logits are rows of which a softmax makes the probabilities.
func logits(p []float32) []float32 {
	out := make([]float32, len(p))
	for i, v := range p {
		out[i] = float32(math.Log(max(float64(v), leastProbability)))
	}
	return out
}
