package study

import (
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"
)

// sampleEvery is how often memory is looked at.
const sampleEvery = 20 * time.Millisecond

// peaks looks at the memory of the process now and then.
type peaks struct {
	mu    sync.Mutex
	open  map[*watched]bool
	close chan struct{}
}

// watched is the largest memory seen since it began.
type watched struct {
	of   *peaks
	most float64
}

func newPeaks() *peaks {
	p := &peaks{open: map[*watched]bool{}, close: make(chan struct{})}
	go func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			select {
			case <-p.close:
				return
			case <-tick.C:
				p.look()
			}
		}
	}()
	return p
}

func (p *peaks) stop() { close(p.close) }

func (p *peaks) look() {
	now := memory()
	p.mu.Lock()
	defer p.mu.Unlock()
	for w := range p.open {
		w.most = max(w.most, now)
	}
}

func (p *peaks) watch() *watched {
	w := &watched{of: p, most: memory()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[w] = true
	return w
}

// mib is the largest so far.
func (w *watched) mib() float64 {
	w.of.look()
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	return w.most
}

func (w *watched) stop() {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	delete(w.of.open, w)
}

// memory is the resident memory of the process in MiB, where the system tells
// it; elsewhere what the Go runtime has taken.
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
