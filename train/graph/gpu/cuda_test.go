package gpu

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/distillmesh/distillmesh/train/gpu/cuda"
	"github.com/distillmesh/distillmesh/train/gpu/cudatest"
	"github.com/distillmesh/distillmesh/train/gpu/driver"
	"github.com/distillmesh/distillmesh/train/gpu/ptxtest"
	"github.com/distillmesh/distillmesh/train/graph"
	"github.com/distillmesh/distillmesh/train/graph/enginetest"
)

func TestMain(m *testing.M) { cudatest.Main(m) }

// onCUDA is a host on the stand-in for CUDA's driver, whose memory and graphs must all be freed before it closes.
func onCUDA(t *testing.T) (*cudatest.Driver, *Host) {
	t.Helper()
	s := cudatest.New(t)
	found, err := cuda.List()
	if err != nil {
		t.Fatal(err)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	h := NewHost(d)
	t.Cleanup(func() {
		buffers, graphs := s.Count("buffers"), s.Count("graphs")+s.Count("executables")
		h.Close()
		if buffers > 0 || graphs > 0 || s.Count("contexts")+s.Count("modules")+s.Count("executables") > 0 {
			t.Errorf("%d buffers and %d graphs were left to the end", buffers, graphs)
		}
	})
	return s, h
}

func TestEngineOnCUDAPassesTheSuite(t *testing.T) {
	s, h := onCUDA(t)
	enginetest.Run(t, func() graph.Engine { return engineOf(t, h) })
	if n := s.Count("runs"); n < 500 {
		t.Errorf("%d kernels have run", n)
	}
}

func TestTheSelfTestPassesThroughCUDA(t *testing.T) {
	s, h := onCUDA(t)
	if err := h.SelfTest(); err != nil {
		t.Fatal(err)
	}
	s.Break("fma.rn.f32")
	found, err := cuda.List()
	if err != nil {
		t.Fatal(err)
	}
	d, err := found[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := open(t, d).SelfTest(); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "cuda:0") {
		t.Errorf("a device that computes wrongly: %v", err)
	}
}

func TestLanesThroughCUDAHaveTheBitsOfTheInterpreter(t *testing.T) {
	const lanes = 4
	s, h := onCUDA(t)
	group, err := h.Group(lanes)
	if err != nil {
		t.Fatal(err)
	}
	engines := make([]graph.Engine, lanes)
	for lane := range lanes {
		if engines[lane], err = group.Join(); err != nil {
			t.Fatal(err)
		}
	}
	got, errs := make([][]float32, lanes), make([]error, lanes)
	var all sync.WaitGroup
	for lane := range lanes {
		all.Go(func() {
			defer engines[lane].Close()
			got[lane], errs[lane] = descend(engines[lane], lane, 5)
		})
	}
	all.Wait()
	alone := engineOf(t, open(t, ptxtest.New()))
	for lane := range lanes {
		want, err := descend(alone, lane, 5)
		if err := errors.Join(err, errs[lane]); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got[lane], want) {
			t.Errorf("lane %d: %v, want %v", lane, got[lane], want)
		}
	}
	if s.Count("launches") >= s.Count("runs") {
		t.Errorf("%d launches for %d kernels: nothing was replayed", s.Count("launches"), s.Count("runs"))
	}
}

func TestStepsThroughCUDAAreOneReplay(t *testing.T) {
	s, h := onCUDA(t)
	e := engineOf(t, h)
	defer e.Close()
	p, v := walker(t, e)
	for round := range 3 { // launched, recorded, replayed
		launches := s.Count("launches")
		err := errors.Join(v.Set([]float32{0, 0}), p.SetSteps(0, []float32{1, 2, 3, 4, 5, 6}),
			p.SetSteps(2, []float32{-1, -1, -2}), p.RunSteps(3))
		if err != nil {
			t.Fatal(err)
		}
		if got := values(t, v); !slices.Equal(got, []float32{140, 1800}) {
			t.Errorf("round %d: %v", round, got)
		}
		if n := s.Count("launches") - launches; (n == 0) != (round == 2) {
			t.Errorf("round %d: %d launches", round, n)
		}
	}
}

// wide is a program of n values, compiled but not run.
func wide(e graph.Engine, n int) (graph.Program, error) {
	g := graph.New()
	x := graph.Input(g, "x", n)
	return e.Compile(graph.Spec{Inputs: []*graph.Node{x}, Outputs: []*graph.Node{graph.Exp(x)}})
}

func TestWithoutMemoryOneEngineFailsAndTheOthersGoOn(t *testing.T) {
	s, h := onCUDA(t)
	s.Device(0, "small", 1<<20, 9, 0, 4)
	one, other := engineOf(t, h), engineOf(t, h)
	defer other.Close()
	want, err := descend(other, 3, 4)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = one.Variable(1 << 20); !errors.Is(err, driver.ErrMemory) || !strings.Contains(err.Error(),
		"variable of 1048576 values") {
		t.Errorf("a variable: %v", err)
	}
	if _, err = wide(one, 1<<20); !errors.Is(err, driver.ErrMemory) || !strings.Contains(err.Error(),
		"program of 8388608") {
		t.Errorf("a program: %v", err)
	}
	p, err := wide(one, 1<<15)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.(graph.Sequence).SetSteps(0, make([]float32, 1<<19)); !errors.Is(err, driver.ErrMemory) {
		t.Errorf("inputs of many steps: %v", err)
	}
	before := s.Count("bytes")
	for range 3 {
		if got, err := descend(other, 3, 4); err != nil || !slices.Equal(got, want) {
			t.Errorf("the other engine: %v, %v, want %v", got, err, want)
		}
	}
	if err := p.Run(); err != nil {
		t.Errorf("what was compiled before: %v", err)
	}
	one.Close()
	if s.Count("bytes") >= before {
		t.Errorf("%d bytes, %d before the engine closed", s.Count("bytes"), before)
	}
	if _, err := wide(other, 1<<15); err != nil {
		t.Errorf("the memory that is free again: %v", err)
	}
}

func TestAnAllocationThatFailsAnywhereLeavesNothing(t *testing.T) {
	s, h := onCUDA(t)
	failures := 0
	for nth := 1; ; nth++ {
		e := engineOf(t, h)
		s.Fail("cuMemAlloc_v2", nth, 2)
		_, err := descend(e, 1, 2)
		e.Close()
		if n := s.Count("buffers"); n != 0 {
			t.Errorf("allocation %d failed: %d buffers are left", nth, n)
		}
		if err == nil {
			break
		}
		if failures++; !errors.Is(err, driver.ErrMemory) {
			t.Errorf("allocation %d: %v", nth, err)
		}
	}
	if failures < 3 {
		t.Errorf("%d allocations", failures)
	}
}

func TestALostDeviceIsAnErrorForAllItsEngines(t *testing.T) {
	s, h := onCUDA(t)
	one, other := engineOf(t, h), engineOf(t, h)
	p, err := wide(one, 100)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := descend(other, 1, 3); err != nil {
		t.Fatal(err)
	}
	s.Fail("kernel", 1, 700)
	if err := p.Run(); err != nil {
		t.Errorf("before it is waited for: %v", err)
	}
	if err := p.Get(0, make([]float32, 100)); !errors.Is(err, driver.ErrLost) {
		t.Errorf("the engine whose kernel failed: %v", err)
	}
	if _, err := descend(other, 1, 3); !errors.Is(err, driver.ErrLost) {
		t.Errorf("the other engine: %v", err)
	}
	if _, err := h.Engine(); err != nil {
		t.Fatal(err)
	}
	p.Close()
	one.Close()
	other.Close()
	s.Reset() // the driver takes the memory of a lost context itself
}
