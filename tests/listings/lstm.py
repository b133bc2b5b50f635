# ruff: noqa: NPY002
import numpy as np

from listings.activators import SigmoidActivator, TanhActivator


class LstmLayer:
    def __init__(self, input_width, state_width, learning_rate):
        self.input_width, self.state_width, self.learning_rate = input_width, state_width, learning_rate
        self.gate_activator, self.output_activator = SigmoidActivator(), TanhActivator()
        self.reset_state()
        self.Wfh, self.Wfx, self.bf = self.init_weight_mat()
        self.Wih, self.Wix, self.bi = self.init_weight_mat()
        self.Woh, self.Wox, self.bo = self.init_weight_mat()
        self.Wch, self.Wcx, self.bc = self.init_weight_mat()

    def init_state_vec(self):
        return [np.zeros((self.state_width, 1))]

    def init_weight_mat(self):
        h, x = (self.state_width, self.state_width), (self.state_width, self.input_width)
        return np.random.uniform(-1e-4, 1e-4, h), np.random.uniform(-1e-4, 1e-4, x), np.zeros((self.state_width, 1))

    def reset_state(self):
        self.times, self.x_list = 0, []
        self.c_list, self.h_list = self.init_state_vec(), self.init_state_vec()
        self.f_list, self.i_list = self.init_state_vec(), self.init_state_vec()
        self.o_list, self.ct_list = self.init_state_vec(), self.init_state_vec()

    def forward(self, x):
        self.times += 1
        self.x_list.append(x)
        self.f_list.append(self.calc_gate(x, self.Wfx, self.Wfh, self.bf, self.gate_activator))
        self.i_list.append(self.calc_gate(x, self.Wix, self.Wih, self.bi, self.gate_activator))
        self.o_list.append(self.calc_gate(x, self.Wox, self.Woh, self.bo, self.gate_activator))
        self.ct_list.append(self.calc_gate(x, self.Wcx, self.Wch, self.bc, self.output_activator))
        self.c_list.append(self.f_list[-1] * self.c_list[self.times - 1] + self.i_list[-1] * self.ct_list[-1])
        self.h_list.append(self.o_list[-1] * self.output_activator.forward(self.c_list[-1]))

    def calc_gate(self, x, Wx, Wh, b, activator):
        return activator.forward(Wh @ self.h_list[self.times - 1] + Wx @ x + b)

    def backward(self, x, delta_h, activator):
        self.calc_delta(delta_h, activator)
        self.calc_gradient(x)

    def calc_delta(self, delta_h, activator):
        self.delta_h_list, self.delta_o_list, self.delta_i_list = (
            self.init_delta(),
            self.init_delta(),
            self.init_delta(),
        )
        self.delta_f_list, self.delta_ct_list = self.init_delta(), self.init_delta()
        self.delta_c = 0
        self.delta_h_list[-1] = delta_h
        for k in range(self.times, 0, -1):
            self.calc_delta_k(k)

    def init_delta(self):
        return [np.zeros((self.state_width, 1)) for _ in range(self.times + 1)]

    def calc_delta_k(self, k):
        gate, out, dh = self.gate_activator, self.output_activator, self.delta_h_list[k]
        f, i, o, ct = self.f_list[k], self.i_list[k], self.o_list[k], self.ct_list[k]
        shown = out.forward(self.c_list[k])
        dc = self.delta_c + dh * o * out.backward(shown)
        self.delta_o_list[k] = dh * shown * gate.backward(o)
        self.delta_f_list[k] = dc * self.c_list[k - 1] * gate.backward(f)
        self.delta_i_list[k] = dc * ct * gate.backward(i)
        self.delta_ct_list[k] = dc * i * out.backward(ct)
        self.delta_c = dc * f
        self.delta_h_list[k - 1] = (
            self.Woh.T @ self.delta_o_list[k]
            + self.Wih.T @ self.delta_i_list[k]
            + self.Wfh.T @ self.delta_f_list[k]
            + self.Wch.T @ self.delta_ct_list[k]
        )

    def calc_gradient(self, x):
        self.Wfh_grad, self.Wfx_grad, self.bf_grad = self.init_weight_gradient_mat()
        self.Wih_grad, self.Wix_grad, self.bi_grad = self.init_weight_gradient_mat()
        self.Woh_grad, self.Wox_grad, self.bo_grad = self.init_weight_gradient_mat()
        self.Wch_grad, self.Wcx_grad, self.bc_grad = self.init_weight_gradient_mat()
        for t in range(self.times, 0, -1):
            Wfh, bf, Wih, bi, Woh, bo, Wch, bc = self.calc_gradient_t(t)
            self.Wfh_grad, self.bf_grad = self.Wfh_grad + Wfh, self.bf_grad + bf
            self.Wih_grad, self.bi_grad = self.Wih_grad + Wih, self.bi_grad + bi
            self.Woh_grad, self.bo_grad = self.Woh_grad + Woh, self.bo_grad + bo
            self.Wch_grad, self.bc_grad = self.Wch_grad + Wch, self.bc_grad + bc
        steps = range(self.times)
        self.Wfx_grad = sum(self.delta_f_list[t + 1] @ self.x_list[t].T for t in steps)
        self.Wix_grad = sum(self.delta_i_list[t + 1] @ self.x_list[t].T for t in steps)
        self.Wox_grad = sum(self.delta_o_list[t + 1] @ self.x_list[t].T for t in steps)
        self.Wcx_grad = sum(self.delta_ct_list[t + 1] @ self.x_list[t].T for t in steps)

    def init_weight_gradient_mat(self):
        h, x = (self.state_width, self.state_width), (self.state_width, self.input_width)
        return np.zeros(h), np.zeros(x), np.zeros((self.state_width, 1))

    def calc_gradient_t(self, t):
        h, f, i = self.h_list[t - 1].T, self.delta_f_list[t], self.delta_i_list[t]
        o, ct = self.delta_o_list[t], self.delta_ct_list[t]
        return f @ h, f, i @ h, i, o @ h, o, ct @ h, ct

    def update(self):
        for gate in "fioc":
            for name in (f"W{gate}h", f"W{gate}x", f"b{gate}"):
                values = getattr(self, name)
                values -= self.learning_rate * getattr(self, f"{name}_grad")
