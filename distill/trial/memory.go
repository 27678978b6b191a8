package trial

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampleEvery is how often memory is sampled.
const sampleEvery = 20 * time.Millisecond

// Memory samples the memory of the process until it is stopped.
type Memory struct {
	mu    sync.Mutex
	open  map[*Watch]bool
	close chan struct{}
	ended sync.WaitGroup
}

// Watch is the largest memory seen since its start.
type Watch struct {
	of   *Memory
	most float64
}

// NewMemory begins to sample.
func NewMemory() *Memory {
	m := &Memory{open: map[*Watch]bool{}, close: make(chan struct{})}
	m.ended.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-m.close:
				return
			case <-tick.C:
				m.sample(memory())
			}
		}
	})
	return m
}

// Stop ends the sampling.
func (m *Memory) Stop() {
	close(m.close)
	m.ended.Wait()
}

// sample notes how much memory the process has now.
func (m *Memory) sample(now float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for w := range m.open {
		w.most = max(w.most, now)
	}
}

// Watch starts a watch; on nil it returns nil.
func (m *Memory) Watch() *Watch {
	if m == nil {
		return nil
	}
	w := &Watch{of: m, most: memory()}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open[w] = true
	return w
}

// MiB is the largest so far, in MiB; 0 on nil.
func (w *Watch) MiB() float64 {
	if w == nil {
		return 0
	}
	w.of.sample(memory())
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.most
}

// Stop ends the watch; on nil it does nothing.
func (w *Watch) Stop() {
	if w == nil {
		return
	}
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.open, w)
}

// memory is the resident memory of the process in MiB, where the system reports
// it; elsewhere what the Go runtime has reserved.
func memory() float64 {
	if content, err := os.ReadFile("/proc/self/statm"); err == nil {
		if words := strings.Fields(string(content)); len(words) > 1 {
			if pages, err := strconv.ParseFloat(words[1], 64); err == nil {
				return pages * float64(os.Getpagesize()) / (1 << 20)
			}
		}
	}
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64()-samples[1].Value.Uint64()) / (1 << 20)
}
