// Package federated trains one network on the data of many clients without
// collecting the data: the baselines that one-shot distillation is compared with. In each
// round the server sends the model x to some clients, each trains it on its own
// samples by some steps of SGD, and the server averages the results. All
// clients run in this process and the bytes that they would send are counted.
//
// The strategies are FedAvg (McMahan et al. 2017), FedProx (Li et al. 2020),
// FedNova (Wang et al. 2020) and SCAFFOLD (Karimireddy et al. 2020). One round
// of a strategy is its one-shot form. Defaults are those of FedD3's baselines
// (fedd3.md, section 3).
package federated
