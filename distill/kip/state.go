package kip

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/distillmesh/distillmesh/distill"
	"github.com/distillmesh/distillmesh/train/checkpoint"
)

// Keys of a state's metadata.
const (
	metaRequest = "request"
	metaStep    = "step"
)

// stateTensors names the arrays that the rest of a run depends on.
func (r *run) stateTensors() map[string][]float32 {
	return map[string][]float32{"images": r.ntk.Images, "labels": r.ntk.Labels,
		"images.first": r.moments[0], "images.second": r.moments[1], "labels.first": r.moments[2], "labels.second": r.moments[3]}
}

// checkpoint hands the state to the request, if it asks for one.
func (r *run) checkpoint() error {
	if r.req.Checkpoint == nil {
		return nil
	}
	var tensors []checkpoint.Tensor
	for name, values := range r.stateTensors() {
		tensors = append(tensors, checkpoint.F32(name, []int{len(values)}, values))
	}
	state, err := checkpoint.Encode(tensors, map[string]string{metaRequest: r.request, metaStep: strconv.Itoa(r.step)})
	if err == nil {
		err = r.req.Checkpoint(state)
	}
	if err != nil {
		return fmt.Errorf("kip: checkpoint at step %d: %w", r.step, err)
	}
	return nil
}

// adopt continues from a state of the same request; ErrState for any other.
func (r *run) adopt(state []byte) error {
	tensors, meta, err := checkpoint.Decode(state, checkpoint.Limits{})
	if err != nil {
		return fmt.Errorf("%w: %w", distill.ErrState, err)
	}
	step, err := strconv.Atoi(meta[metaStep])
	if err != nil || step < 0 || step > r.Steps || meta[metaRequest] != r.request {
		return fmt.Errorf("%w: request %q at step %q", distill.ErrState, meta[metaRequest], meta[metaStep])
	}
	byName := checkpoint.ByName(tensors)
	for name, values := range r.stateTensors() {
		t := byName[name]
		if t.DType != checkpoint.DTypeF32 || !slices.Equal(t.Shape, []int{len(values)}) {
			return fmt.Errorf("%w: %s is %s %v", distill.ErrState, name, t.DType, t.Shape)
		}
		read, err := t.Float32s()
		if err == nil {
			err = checkpoint.CheckFinite(name, read)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", distill.ErrState, err)
		}
		copy(values, read)
	}
	r.step = step
	return nil
}

// requestHash identifies method, settings, seed, size and samples.
func requestHash(k KIP, req distill.Request) string {
	h := sha256.New()
	settings, err := json.Marshal(k.Settings())
	if err != nil {
		panic(err) // a map of strings
	}
	fmt.Fprintf(h, "%s %d %s %d %d\n", k.Name(), k.Version(), settings, req.IPC, req.Seed)
	req.Samples.Digest(h)
	return hex.EncodeToString(h.Sum(nil))
}
