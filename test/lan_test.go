//go:build linux

package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

// Two machines on one LAN, each a network namespace, find each other without
// arguments, and one gathers what the other published.
func TestNodesOnOneLANFindEachOther(t *testing.T) {
	places := lan(t)
	maker, taker := newMachine(t, "edge", false, places[0]...), newMachine(t, "edge", false, places[1]...)
	maker.start()
	taker.start()
	maker.verb("data", "add", "builtin:glyph-digits")
	maker.verb("data", "split", "glyph-digits", "--ring", "2", "--part", "1")
	set := maker.verb("distill", "glyph-digits.ring2.1of10")
	maker.verb("publish", set)
	eventually(t, "the other node hears of the set", func() bool {
		return taker.verb("ls", "--remote", "--task", "glyph-digits", "-q") == set
	})
	if got := taker.verb("ls", "-q"); got != "" {
		t.Fatalf("an edge fetched %s unasked", got)
	}
	if got := taker.verb("gather", "--task", "glyph-digits", "-q"); got != set {
		t.Fatalf("gathered %q, want %s", got, set)
	}
	if got := taker.verb("ls", "-q"); got != set {
		t.Fatalf("here is %q after gathering %s", got, set)
	}
	for name, m := range map[string]*machine{"maker": maker, "taker": taker} {
		if got := m.problems(); len(got) > 0 {
			t.Errorf("the %s has problems: %v", name, got)
		}
	}
}

// A home that was copied to a second machine of one LAN is noticed on both, though
// neither has anything to announce.
func TestACopiedHomeIsNoticed(t *testing.T) {
	places := lan(t)
	first, second := newMachine(t, "edge", false, places[0]...), newMachine(t, "edge", false, places[1]...)
	if err := os.RemoveAll(second.home); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(second.home, os.DirFS(first.home)); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(second.home, "identity"), 0o600); err != nil {
		t.Fatal(err)
	}
	first.start()
	second.start()
	for name, m := range map[string]*machine{"first": first, "second": second} {
		eventually(t, "the "+name+" machine says that its key is in use elsewhere", func() bool {
			return slices.Contains(m.problems(), "key-in-use-elsewhere")
		})
	}
}

// problems are the codes of what status says is wrong.
func (m *machine) problems() (codes []string) {
	m.t.Helper()
	var status struct{ Problems []struct{ Code string } }
	m.document(&status, "status")
	for _, p := range status.Problems {
		codes = append(codes, p.Code)
	}
	return codes
}

// lan makes two network namespaces joined by a veth pair and returns how to
// run a command in each. It skips without the means.
func lan(t *testing.T) [2][]string {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the ip command to make network namespaces")
	}
	ip := func(args ...string) error { return exec.Command("ip", args...).Run() }
	var places [2][]string
	var names, links [2]string
	for i := range names {
		names[i], links[i] = fmt.Sprintf("dm%d-%d", os.Getpid(), i), fmt.Sprintf("dm%dv%d", os.Getpid(), i)
		if err := ip("netns", "add", names[i]); err != nil {
			t.Skipf("needs the right to make network namespaces: %v", err)
		}
		t.Cleanup(func() { ip("netns", "del", names[i]) })
		places[i] = []string{"ip", "netns", "exec", names[i]}
	}
	if err := ip("link", "add", links[0], "netns", names[0], "type", "veth", "peer", "name", links[1], "netns",
		names[1]); err != nil {
		t.Skipf("needs the right to make veth pairs: %v", err)
	}
	for i, name := range names {
		for _, args := range [][]string{
			{"link", "set", "lo", "up"}, {"addr", "add", fmt.Sprintf("10.77.0.%d/24", i+1), "dev", links[i]},
			{"link", "set", links[i], "up"}, {"route", "add", "224.0.0.0/4", "dev", links[i]},
		} {
			if err := ip(append([]string{"-n", name}, args...)...); err != nil {
				t.Fatalf("ip -n %s %v: %v", name, args, err)
			}
		}
	}
	return places
}
